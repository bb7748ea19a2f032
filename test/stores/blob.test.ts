import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import {
  ContainerClient,
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { blobStore } from '../../shared/stores/blob.ts';
import { blobClientSettings } from '../../shared/stores/blob-client.ts';
import { translateBlobError } from '../../shared/stores/blob-errors.ts';
import { BLOCKS_MAX } from '../../shared/stores/blob-upload.ts';
import { bytesBody, collect } from '../../shared/stores/checksum.ts';
import { compareKeys } from '../../shared/stores/keys.ts';
import { RETRY_DEFAULTS, retrying } from '../../shared/stores/retrying.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { StoreError, type StoreErrorCode } from '../../shared/stores/store-error.ts';
import { partSize } from '../../shared/stores/transfer.ts';
import { type Azurite, azuriteAccount } from '../support/azurite.ts';
import { fakeClock } from '../support/clock.ts';
import {
  type ProxiedRequest,
  type ProxyDecision,
  type RunningProxy,
  startProxy,
} from '../support/proxy.ts';

let azurite: Omit<Azurite, 'close'>;
let proxy: RunningProxy;
let decide: (request: ProxiedRequest) => ProxyDecision;
let container: ContainerClient;
let store: ObjectStore;
let containers = 0;

beforeAll(async () => {
  azurite = await azuriteAccount();
});
beforeEach(async () => {
  decide = () => undefined;
  proxy = await startProxy({ target: azurite.endpoint, answer: (request) => decide(request) });
  containers += 1;
  const endpoint = `${proxy.url}/${azurite.account}`;
  container = azurite.container(`blob-${containers}`, { endpoint });
  await container.create();
  store = blobStore({ container });
});
afterEach(() => proxy.close());

const put = (key: string, bytes: Uint8Array = Buffer.from('x'), on = store) =>
  on.write(key, bytesBody(bytes), { sizeBytes: bytes.byteLength });
const failure = async (call: Promise<unknown>, code: StoreErrorCode): Promise<StoreError> => {
  const error = await call.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StoreError);
  expect(error).toMatchObject({ code });
  return error as StoreError;
};
const answer = (status: number, code?: string, more = ''): ProxyDecision => {
  const error = `<Error><Code>${code}</Code><Message>no</Message>${more}</Error>`;
  if (code === undefined) return { status, body: 'no' };
  const headers = { 'content-type': 'application/xml', 'x-ms-error-code': code };
  return { status, headers, body: `<?xml version="1.0"?>${error}` };
};

describe('times and stamps', () => {
  test('leaves the source’s time where Kopia looks for it', async () => {
    const lastModified = new Date('2025-03-04T05:06:07.891Z');
    const source = { etag: '"ä"', lastModified };
    await store.write('p1', bytesBody(Buffer.from('x')), { sizeBytes: 1, source });
    const [blob] = await Array.fromAsync(container.listBlobsFlat({ includeMetadata: true }));
    const metadata = Object.entries(blob?.metadata ?? {}).map(([key, value]) => [
      key.toLowerCase(),
      value,
    ]);
    expect(Object.fromEntries(metadata)).toMatchObject({ kopiamtime: '1741064767891000000' });
  });

  test.each(['Kopiamtime', 'kopiamtime', 'KOPIAMTIME'])('honours %s', async (name) => {
    const metadata = { [name]: '1741064767891234567' };
    await container.getBlockBlobClient('p1').upload('x', 1, { metadata });
    const expected = new Date('2025-03-04T05:06:07.891Z');
    expect(await store.stat('p1')).toMatchObject({ lastModified: expected });
    expect((await Array.fromAsync(store.list('')))[0]?.lastModified).toEqual(expected);
    // Kopia's own blobs have that time too, and are no copies.
    expect((await store.stat('p1'))?.source).toBeUndefined();
  });

  test('takes the service’s time where the metadata hold none that can be read', async () => {
    const metadata = { Kopiamtime: 'yesterday', drydocksourcemodified: 'never' };
    const { lastModified } = await container.getBlockBlobClient('p1').upload('x', 1, { metadata });
    const stat = await store.stat('p1');
    expect(stat?.lastModified).toEqual(lastModified);
    expect(stat?.source).toBeUndefined();
  });
});

describe('tiers', () => {
  test('names a tier that was chosen, and not the account’s own', async () => {
    await container.getBlockBlobClient('cool').upload('x', 1, { tier: 'Cool' });
    await put('plain');
    const listed = await Array.fromAsync(store.list(''));
    expect(listed.map(({ storageClass }) => storageClass)).toEqual(['Cool', undefined]);
    expect((await store.stat('cool'))?.storageClass).toBe('Cool');
    expect((await store.stat('plain'))?.storageClass).toBeUndefined();
  });

  test('tells an archived object when it is read', async () => {
    await container.getBlockBlobClient('old').upload('x', 1, { tier: 'Archive' });
    await failure(store.read('old'), 'archived');
    expect((await store.stat('old'))?.storageClass).toBe('Archive');
  });
});

describe('keys', () => {
  test.each(['../other/x', 'a/./b', 'a/..', 'a\\b', '\ud800'])('refuses %j', async (key) => {
    const seen = proxy.seen.length;
    await failure(put(key), 'invalid');
    await failure(store.stat(key), 'invalid');
    await failure(store.remove(key), 'invalid');
    await failure(store.removeMany(['a', key]), 'invalid');
    expect(proxy.seen.length).toBe(seen);
  });

  test('lists by UTF-8 bytes what Azurite orders by UTF-16', async () => {
    const keys = ['a\uffee', 'a\u{1F6A2}', 'a', 'a\u{1F6A2}/x', 'a\uffee/x'];
    for (const key of keys) await put(key);
    const listed = (await Array.fromAsync(store.list(''))).map(({ key }) => key);
    expect(listed).toEqual(keys.sort(compareKeys));
    expect(await Array.fromAsync(store.listDirectories(''))).toEqual(['a\uffee/', 'a\u{1F6A2}/']);
  });

  test.each([
    ['nothing', ''],
    ['another page', '<html>Welcome</html>'],
    ['an error told as success', '<?xml version="1.0"?><Error><Code>X</Code></Error>'],
    ['half a listing', '<?xml version="1.0"?><EnumerationResults ServiceEndpoint="x"><Blobs>'],
    ['JSON', '{}'],
  ])('takes no answer for an empty listing that is none: %s', async (_, body) => {
    for (const headers of [{}, { 'content-type': 'application/xml' }]) {
      decide = () => ({ status: 200, headers, body });
      await failure(Array.fromAsync(store.list('')), 'unreachable');
      await failure(Array.fromAsync(store.listDirectories('')), 'unreachable');
    }
  });

  test('gives up a listing whose pages come in another order', async () => {
    const page = (name: string, next: string): ProxyDecision => ({
      status: 200,
      headers: { 'content-type': 'application/xml' },
      body: `<?xml version="1.0"?><EnumerationResults ServiceEndpoint="x" ContainerName="y"><Blobs><Blob><Name>${name}</Name>
        <Properties><Last-Modified>Tue, 04 Mar 2025 05:06:07 GMT</Last-Modified><Etag>0x1</Etag>
        <Content-Length>1</Content-Length></Properties></Blob></Blobs>
        <NextMarker>${next}</NextMarker></EnumerationResults>`,
    });
    decide = ({ path }) => (path.includes('marker=') ? page('a-', '') : page('a/b', 'more'));
    const error = await failure(Array.fromAsync(store.list('')), 'unsupported');
    expect(error.message).toMatch(/lists "a-" behind "a\/b"/);
    expect(error.hint).toMatch(/hierarchical namespace/);
  });
});

describe('transfers', () => {
  test('a body that breaks off is unreachable, and read on by retrying', async () => {
    const bytes = randomBytes(3_000_000);
    await put('pack', bytes);
    decide = ({ method, headers }) => {
      const range = headers['x-ms-range'] ?? headers.range;
      return method === 'GET' && range === undefined ? 1_000_000 : undefined;
    };
    await failure(
      store.read('pack').then(({ body }) => collect(body)),
      'unreachable',
    );
    const again = retrying(store, { ...RETRY_DEFAULTS, random: () => 0.5 }, fakeClock());
    expect(Buffer.from(await collect((await again.read('pack')).body)).equals(bytes)).toBe(true);
  });

  test('a connection that is reset is unreachable', async () => {
    decide = () => 'reset';
    await failure(store.stat('pack'), 'unreachable');
    await failure(put('pack'), 'unreachable');
  });

  test('a connection on which nothing moves is unreachable', async () => {
    const silent = await startProxy({ target: 'http://127.0.0.1:9', answer: () => 'silence' });
    const url = `${silent.url}/account/container`;
    const key = new StorageSharedKeyCredential('account', 'a2V5');
    const client = new ContainerClient(url, key, blobClientSettings(url, 50));
    await failure(blobStore({ container: client }).stat('pack'), 'unreachable');
    await silent.close();
  });

  test('racing writers of one large object have one winner', async () => {
    const bytes = randomBytes(9 * 1024 * 1024);
    const write = () =>
      store.write('large', bytesBody(bytes), { sizeBytes: bytes.length, condition: 'absent' });
    const outcomes = await Promise.allSettled([write(), write(), write(), write()]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'exists' });
    }
    expect((await store.stat('large'))?.sizeBytes).toBe(bytes.length);
  });

  test('takes larger blocks only beyond 50,000 of them', () => {
    const mebibyte = 1024 * 1024;
    expect(partSize(50_000 * 8 * mebibyte, BLOCKS_MAX)).toBe(8 * mebibyte);
    expect(partSize(50_000 * 8 * mebibyte + 1, BLOCKS_MAX)).toBe(9 * mebibyte);
  });
});

describe('removal', () => {
  const names = Array.from({ length: 300 }, (_, at) => `n${at}`);
  const requests = () => proxy.seen.filter(({ method }) => method !== 'GET').length;

  test('goes by batches of 256', async () => {
    for (const key of names.slice(0, 3)) await put(key);
    const before = requests();
    expect(await store.removeMany(names)).toEqual([]);
    expect(requests() - before).toBe(2);
    expect(await Array.fromAsync(store.list(''))).toEqual([]);
  });

  test('goes one by one where the endpoint knows no batches', async () => {
    for (const key of names.slice(0, 3)) await put(key);
    decide = ({ path }) =>
      path.includes('comp=batch') ? answer(501, 'NotImplemented') : undefined;
    expect(await store.removeMany(names)).toEqual([]);
    expect(await Array.fromAsync(store.list(''))).toEqual([]);
  });

  test('tells which could not be removed, and why', async () => {
    for (const key of ['a', 'held', 'z']) await put(key);
    await container.getBlobClient('held').getBlobLeaseClient().acquireLease(15);
    const failures = await store.removeMany(['a', 'held', 'z']);
    expect(failures.map(({ key }) => key)).toEqual(['held']);
    expect(failures[0]?.error).toMatchObject({ code: 'locked' });
    await failure(store.remove('held'), 'locked');
    await failure(put('held'), 'locked');
  });

  test('leaves an object that has snapshots', async () => {
    await put('kept');
    await container.getBlobClient('kept').createSnapshot();
    expect((await failure(store.remove('kept'), 'locked')).hint).toMatch(/snapshots/);
  });
});

describe('failures', () => {
  test.each([
    [404, undefined, 'unreachable'],
    [404, 'ResourceNotFound', 'denied'],
    [404, 'ContainerNotFound', 'bucket_not_found'],
    [401, 'NoAuthenticationInformation', 'denied'],
    [403, 'AuthorizationPermissionMismatch', 'denied'],
    [403, undefined, 'denied'],
    [409, 'ContainerBeingDeleted', 'bucket_not_found'],
    [409, 'BlobImmutableDueToPolicy', 'locked'],
    [412, 'LeaseIdMissing', 'locked'],
    [412, 'ConditionNotMet', 'changed'],
    [400, 'Md5Mismatch', 'corrupt'],
    [429, undefined, 'throttled'],
    [500, 'OperationTimedOut', 'unreachable'],
    [502, undefined, 'unreachable'],
    [503, 'ServerBusy', 'throttled'],
  ] as const)('an answer of %s %s is %s, with a body and without', async (status, code, told) => {
    decide = () => answer(status, code);
    await failure(store.read('a'), told);
    await failure(store.stat('a'), told);
    await failure(put('a'), told);
    if (told !== 'changed') await failure(Array.fromAsync(store.list('')), told);
  });

  test('an answer about the date of the request is a skewed clock', async () => {
    const detail = 'Request date header too old: "Tue, 04 Mar 2025 05:06:07 GMT"';
    const more = `<AuthenticationErrorDetail>${detail}</AuthenticationErrorDetail>`;
    decide = () => answer(403, 'AuthenticationFailed', more);
    expect((await failure(store.read('a'), 'clock_skewed')).hint).toMatch(/NTP/);
  });

  test('a certificate that nobody trusts is a failed TLS handshake', () => {
    const error = Object.assign(new Error('self-signed'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    const told = translateBlobError(error, { verb: 'read', url: 'azblob://a/b' });
    expect(told).toMatchObject({ code: 'tls_failed' });
  });

  test('a container that is absent is no absent object', async () => {
    const absent = blobStore({ container: azurite.container('no-such-container') });
    await failure(absent.stat('a'), 'bucket_not_found');
  });
});

describe('a shared access signature', () => {
  const signed = (permissions: string): ContainerClient => {
    const key = new StorageSharedKeyCredential(azurite.account, azurite.accountKey);
    const { containerName } = container;
    const parsed = ContainerSASPermissions.parse(permissions);
    const expiresOn = new Date('2099-01-01T00:00:00Z');
    const query = generateBlobSASQueryParameters(
      { containerName, permissions: parsed, expiresOn },
      key,
    );
    return new ContainerClient(`${container.url}?${query}`, undefined, {
      ...blobClientSettings(container.url),
    });
  };

  test('opens a container as a key does', async () => {
    const shared = blobStore({ container: signed('rlwd') });
    expect(shared.url).toBe(store.url);
    await put('a', Buffer.from('x'), shared);
    await put('b', Buffer.from('x'), shared);
    expect(await shared.removeMany(['a', 'b'])).toEqual([]);
    expect(await Array.fromAsync(shared.list(''))).toEqual([]);
  });

  test('never reaches an error, whatever goes wrong', async () => {
    const client = signed('l');
    const signature = new URL(client.url).searchParams.get('sig') ?? '';
    expect(signature.length).toBeGreaterThan(20);
    const shared = blobStore({ container: client });
    const errors = [await failure(put('a', Buffer.from('x'), shared), 'denied')];
    errors.push(await failure(shared.remove('a'), 'denied'));
    for (const what of ['reset', answer(500), answer(200)] as const) {
      decide = () => what;
      errors.push(await failure(Array.fromAsync(shared.list('')), 'unreachable'));
    }
    for (const error of errors) {
      const shown = `${error.stack}${inspect(error, { depth: 9, showHidden: true })}`;
      expect(shown).not.toContain('sig=');
      expect(shown).not.toContain(signature);
      expect(shown).not.toContain(encodeURIComponent(signature));
    }
  });
});
