import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { inspect } from 'node:util';
import { AnonymousCredential, ContainerClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blobStore } from '../../shared/stores/blob.ts';
import { blobClientSettings } from '../../shared/stores/blob-client.ts';
import { BLOB_PULL_SIZES, blobServerCopy } from '../../shared/stores/blob-pull.ts';
import { blobPullSource } from '../../shared/stores/blob-pull-source.ts';
import { createHasher } from '../../shared/stores/checksum.ts';
import type { PullSource } from '../../shared/stores/pull.ts';
import type { ObjectInfo } from '../../shared/stores/store.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { fakeClock, systemClock } from '../support/clock.ts';
import type { ProxiedRequest, ProxyAnswer } from '../support/proxy.ts';
import { startProxy } from '../support/proxy.ts';
import { blobRefusal, type PullProxy, startPullProxy } from '../support/pull-proxy.ts';

const BLOCK_BYTES = 1024;
let azurite: Azurite;
let files: { url: string; close(): Promise<void> };
let proxy: PullProxy;
let decide: (request: ProxiedRequest) => ProxyAnswer | undefined = () => undefined;
/** What the file server serves to whoever asks: the source of everything here. */
let served: Buffer = Buffer.alloc(0);

beforeAll(async () => {
  azurite = await startAzurite();
  await azurite.container('target').create();
  files = await startFiles();
  proxy = await startPullProxy({ azurite, answer: (request) => decide(request) });
});
afterAll(async () => {
  await Promise.all([proxy?.close(), files?.close()]);
  await azurite?.close();
});

async function startFiles() {
  const server = createServer((request, response) => {
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
    const whole = from === undefined || to === undefined;
    response.writeHead(whole ? 200 : 206);
    response.end(whole ? served : served.subarray(Number(from), Number(to) + 1));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${port}/file?sig=a-canary`, close };
}

async function given(key: string, bytes: Buffer): Promise<ObjectInfo> {
  served = bytes;
  const hasher = await createHasher(new Set(['crc64nvme', 'md5'] as const));
  hasher.update(bytes);
  const lastModified = new Date('2026-01-02T03:04:05Z');
  return { key, sizeBytes: bytes.length, etag: 'e', lastModified, checksums: hasher.digest() };
}

function copying(vendor: PullSource['vendor'] = 's3') {
  let info: ObjectInfo | undefined;
  const source: PullSource = {
    vendor,
    reader: { url: 's3://source', stat: async () => info },
    address: async () => files.url,
  };
  const copy = blobServerCopy({
    container: azurite.container('target', { endpoint: proxy.endpoint }),
    source,
    sizes: { ...BLOB_PULL_SIZES, blockBytes: BLOCK_BYTES },
  });
  return (from: ObjectInfo, expected = from.checksums ?? {}, options = {}) => {
    info = from;
    return copy.pull(from, from.key, expected, options);
  };
}

describe('a pull to Blob storage', () => {
  test('is two requests, without a body of the object', async () => {
    const info = await given('small', randomBytes(BLOCK_BYTES));
    const since = proxy.seen.length;
    await copying()(info);
    const requests = proxy.seen.slice(since);
    expect(requests.map(({ path }) => /comp=(\w+)/.exec(path)?.[1])).toEqual([
      'block',
      'blocklist',
    ]);
    expect(requests[0]?.headers['content-length']).toBe('0');
    const crc = Buffer.from(info.checksums?.crc64nvme ?? '', 'hex')
      .reverse()
      .toString('base64');
    expect(requests[0]?.headers['x-ms-source-content-crc64']).toBe(crc);
  });

  test("keeps the MD5 that the source's store vouches for, and Kopia's time", async () => {
    const bytes = randomBytes(3 * BLOCK_BYTES);
    const info = await given('stamped', bytes);
    const source = { etag: 'e', lastModified: info.lastModified };
    await copying()(info, info.checksums, { source });
    const { contentMD5, metadata } = await azurite
      .container('target')
      .getBlobClient('stamped')
      .getProperties();
    const md5 = createHash('md5').update(bytes).digest('hex');
    expect(Buffer.from(contentMD5 ?? []).toString('hex')).toBe(md5);
    expect(metadata).toMatchObject({ kopiamtime: '1767323045000000000' });
  });

  test('of parts pulls none again that a run before has brought', async () => {
    const bytes = randomBytes(4 * BLOCK_BYTES);
    const info = await given('continued', bytes);
    // Its end is refused: everything but the list is there.
    decide = ({ method, path }) =>
      method === 'PUT' && path.includes('comp=blocklist')
        ? blobRefusal(503, 'ServerBusy')
        : undefined;
    await expect(copying()(info)).rejects.toMatchObject({ code: 'throttled' });
    decide = () => undefined;
    const since = proxy.seen.length;
    await copying()(info);
    const pulls = proxy.seen.slice(since).filter(({ headers }) => headers['x-ms-copy-source']);
    expect(pulls).toEqual([]);
    const arrived = await azurite.container('target').getBlobClient('continued').downloadToBuffer();
    expect(arrived.equals(bytes)).toBe(true);
  });

  test('of parts that were wrong begins again from its first one', async () => {
    const bytes = randomBytes(3 * BLOCK_BYTES);
    const info = await given('altered', bytes);
    for (let turn = 0; turn < 2; turn += 1) {
      served = randomBytes(3 * BLOCK_BYTES);
      await expect(copying()(info)).rejects.toMatchObject({ code: 'corrupt' });
    }
    served = bytes;
    await copying()(info);
    const arrived = await azurite.container('target').getBlobClient('altered').downloadToBuffer();
    expect(arrived.equals(bytes)).toBe(true);
  });

  test('from Blob storage is one request, for this version alone', async () => {
    const info = await given('copied', randomBytes(100));
    const { md5 = '' } = info.checksums ?? {};
    const since = proxy.seen.length;
    await copying('blob')(info, { md5 });
    const requests = proxy.seen.slice(since);
    expect(requests).toHaveLength(1);
    expect(requests[0]?.headers).toMatchObject({
      'x-ms-source-if-match': '"e"',
      'x-ms-requires-sync': 'true',
    });
    decide = () => blobRefusal(412, 'SourceConditionNotMet');
    const call = copying('blob')(info, { md5 });
    await expect(call).rejects.toMatchObject({ code: 'changed' });
    const created = copying('blob')(info, { md5 }, { condition: 'absent' });
    await expect(created).rejects.toMatchObject({ code: 'changed' });
    decide = () => undefined;
  });

  test('of parts whose checksums the service does not tell is refused', async () => {
    const info = await given('mute', randomBytes(2 * BLOCK_BYTES));
    decide = ({ headers }) => (headers['x-ms-copy-source'] ? { status: 201 } : undefined);
    await expect(copying()(info)).rejects.toMatchObject({ code: 'unsupported' });
    decide = () => undefined;
    expect(await azurite.container('target').getBlobClient('mute').exists()).toBe(false);
  });

  test('is corrupt when the service tells another checksum than it was given', async () => {
    const info = await given('liar', randomBytes(100));
    const headers = { 'x-ms-content-crc64': Buffer.alloc(8, 1).toString('base64') };
    decide = (request) =>
      request.headers['x-ms-copy-source'] ? { status: 201, headers } : undefined;
    await expect(copying()(info)).rejects.toMatchObject({ code: 'corrupt' });
    decide = () => undefined;
  });

  test.each([
    [401, undefined, 'denied'],
    [403, undefined, 'denied'],
    [404, undefined, 'unreachable'],
    [409, undefined, 'unreachable'],
    [500, undefined, 'unreachable'],
    [409, 403, 'denied'],
    [409, 503, 'throttled'],
    [404, 404, 'unreachable'],
  ])('of a source answered by %s (%s) is %s while its store has it', async (status, told, code) => {
    const info = await given('unverified', randomBytes(100));
    decide = ({ headers }) =>
      headers['x-ms-copy-source'] ? blobRefusal(status, 'CannotVerifyCopySource', told) : undefined;
    const error: unknown = await copying()(info).catch((reason: unknown) => reason);
    decide = () => undefined;
    expect(error).toMatchObject({ code });
    expect(inspect(error, { depth: 9 })).not.toContain('a-canary');
  });

  test('refuses names that would become others', async () => {
    for (const key of ['a/../b', 'back\\slash', '']) {
      const info = await given(key, randomBytes(10));
      await expect(copying()(info)).rejects.toMatchObject({ code: 'invalid' });
    }
  });

  test('leaves larger objects to streams where MD5 is the only proof', async () => {
    const copy = blobServerCopy({
      container: azurite.container('target'),
      source: blobPullSource({
        container: azurite.container('source'),
        reader: blobStore({ container: azurite.container('source') }),
        clock: systemClock,
      }),
    });
    const info = { key: 'k', etag: 'e', lastModified: new Date(0) };
    const md5 = { checksums: { md5: '0'.repeat(32) } };
    const gibibyte = 1024 ** 3;
    expect(copy.canPull({ ...info, ...md5, sizeBytes: gibibyte }).way).toBe('pull');
    expect(copy.canPull({ ...info, ...md5, sizeBytes: gibibyte + 1 }).way).toBe('stream');
  });
});

describe('the address of a blob', () => {
  const key =
    '<?xml version="1.0"?><UserDelegationKey><SignedOid>oid</SignedOid><SignedTid>tid</SignedTid>' +
    '<SignedStart>2026-01-01T00:00:00Z</SignedStart><SignedExpiry>2026-01-01T01:00:00Z</SignedExpiry>' +
    '<SignedService>b</SignedService><SignedVersion>2020-02-10</SignedVersion>' +
    '<Value>AAAA</Value></UserDelegationKey>';

  /** As "Get User Delegation Key" of the service's reference answers, or refuses. */
  async function identity(answer: ProxyAnswer) {
    const service = await startProxy({ target: azurite.endpoint, answer: () => answer });
    const url = service.url.replace('127.0.0.1', 'localhost');
    // The SDK sends tokens over TLS alone: here nobody signs, which the service would not take.
    const container = new ContainerClient(
      `${url}/account/source`,
      new AnonymousCredential(),
      blobClientSettings(url),
    );
    const clock = fakeClock(new Date('2026-01-01T00:05:00Z'));
    const source = blobPullSource({ container, reader: blobStore({ container }), clock });
    return { service, source, clock };
  }

  test('is signed with a key delegated to the identity, asked for once an hour', async () => {
    const headers = { 'content-type': 'application/xml' };
    const { service, source, clock } = await identity({ status: 200, headers, body: key });
    const url = new URL(await source.address('deep/odd +ä'));
    await source.address('another');
    expect(service.seen).toHaveLength(1);
    expect(url.pathname).toBe('/account/source/deep/odd%20%2B%C3%A4');
    const parameters = Object.fromEntries(url.searchParams);
    expect(parameters).toMatchObject({ sp: 'r', sr: 'b', skoid: 'oid', sktid: 'tid' });
    expect(parameters['se']).toBe('2026-01-01T00:15:00Z');
    clock.advance(51 * 60_000);
    await source.address('another');
    expect(service.seen).toHaveLength(2);
    await service.close();
  });

  test('is denied by its name when the identity may not delegate', async () => {
    const { service, source } = await identity(blobRefusal(403, 'AuthorizationPermissionMismatch'));
    await expect(source.address('key')).rejects.toMatchObject({ code: 'denied' });
    await service.close();
  });
});
