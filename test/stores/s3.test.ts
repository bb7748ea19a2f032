import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bytesBody, collect, createHasher } from '../../shared/stores/checksum.ts';
import { S3_CLIENT_SETTINGS, s3Store } from '../../shared/stores/s3.ts';
import { PARTS_MAX } from '../../shared/stores/s3-upload.ts';
import type { ObjectStore, WriteOptions } from '../../shared/stores/store.ts';
import { StoreError } from '../../shared/stores/store-error.ts';
import { partSize } from '../../shared/stores/transfer.ts';
import { type FaultHook, type S3Server, startS3Server } from '../support/s3-server/server.ts';

const MIB = 1024 * 1024;
const BUCKET = 'bucket';
let server: S3Server;
let skewMs = 0;
let store: ObjectStore;

const open = (config: S3ClientConfig = {}, bucket = BUCKET): ObjectStore => {
  const { endpoint, region, credentials } = server;
  const fixed = { ...S3_CLIENT_SETTINGS, endpoint, region, credentials, forcePathStyle: true };
  return s3Store({ client: new S3Client({ ...fixed, ...config }), bucket });
};
const put = (key: string, bytes: Uint8Array, options: Partial<WriteOptions> = {}, on = store) =>
  on.write(key, bytesBody(bytes), { sizeBytes: bytes.byteLength, ...options });
const failure = async (call: Promise<unknown>): Promise<StoreError> => {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof StoreError)) throw error ?? new Error('The call succeeded');
  return error;
};
const listing = (on = store): Promise<unknown> => Array.fromAsync(on.list(''));
/** What the store asked for since `from`, as `METHOD sub-resource`. */
const asked = (from: number): string[] =>
  server.requests.slice(from).map(({ method, query }) => {
    const part = query['partNumber'] === undefined ? '' : ` part ${query['partNumber']}`;
    return `${method}${query['uploads'] === undefined ? '' : ' begin'}${part}`;
  });

beforeAll(async () => {
  server = await startS3Server({ clock: () => new Date(Date.now() + skewMs) });
  server.createBucket(BUCKET);
});
beforeEach(() => {
  server.setFault(undefined);
  skewMs = 0;
  store = open();
});
afterAll(() => server.close());

describe('what a write asks of S3', () => {
  test('one request up to 8 MiB, parts of 8 MiB above', async () => {
    const before = server.requests.length;
    await put('small', randomBytes(8 * MIB));
    expect(asked(before)).toEqual(['PUT']);
    const between = server.requests.length;
    const written = await put('large', randomBytes(8 * MIB + 1));
    expect(asked(between)).toEqual(['POST begin', 'PUT part 1', 'PUT part 2', 'POST']);
    expect(written.etag).toMatch(/-2$/);
  });

  test('larger parts only where 10,000 of them would not hold the object', () => {
    expect(partSize(8 * MIB + 1, PARTS_MAX)).toBe(8 * MIB);
    expect(partSize(10_000 * 8 * MIB, PARTS_MAX)).toBe(8 * MIB);
    expect(partSize(10_000 * 8 * MIB + 1, PARTS_MAX)).toBe(9 * MIB);
    expect(partSize(5 * 1024 ** 4, PARTS_MAX) * 10_000).toBeGreaterThanOrEqual(5 * 1024 ** 4);
  });

  test('answers with the checksum that S3 keeps, the same for one request and for parts', async () => {
    const bytes = randomBytes(20 * MIB);
    const hasher = await createHasher(new Set(['crc64nvme']));
    hasher.update(bytes);
    const { crc64nvme } = hasher.digest();
    const written = await put('sum', bytes);
    expect(written.checksums).toEqual({ crc64nvme });
    expect(server.objects(BUCKET).find(({ key }) => key === 'sum')?.checksum.value).toBe(
      Buffer.from(crc64nvme ?? '', 'hex').toString('base64'),
    );
    const small = await put('small', Buffer.from('123456789'));
    expect(small.checksums).toEqual({
      crc64nvme: 'ae8b14860a799888',
      md5: createHash('md5').update('123456789').digest('hex'),
    });
  });

  test('never completes an upload whose bytes are not the expected ones', async () => {
    const before = server.requests.length;
    const call = put('wrong', randomBytes(9 * MIB), { expect: { md5: '0'.repeat(32) } });
    expect(await failure(call)).toMatchObject({ code: 'corrupt' });
    const requests = server.requests.slice(before);
    expect(requests.map(({ method }) => method)).toEqual(['POST', 'PUT', 'PUT', 'DELETE']);
    expect(server.unfinishedUploads(BUCKET)).toBe(0);
  });

  test('aborts the upload when S3 refuses a part or its completion', async () => {
    const refusals: FaultHook[] = [
      ({ query }) =>
        query['partNumber'] === '2' ? { answer: { status: 503, code: 'SlowDown' } } : undefined,
      ({ method, query }) =>
        method === 'POST' && query['uploadId'] !== undefined
          ? { answer: { status: 503, code: 'SlowDown' } }
          : undefined,
    ];
    for (const refusal of refusals) {
      server.setFault(refusal);
      const call = put('refused', randomBytes(9 * MIB));
      expect(await failure(call)).toMatchObject({ code: 'throttled', retryable: true });
      expect(server.unfinishedUploads(BUCKET)).toBe(0);
    }
    expect(await store.stat('refused')).toBeUndefined();
  });

  test('keeps the source stamp in metadata that S3 takes', async () => {
    const source = { etag: '"0x8D é/%"', lastModified: new Date('2025-01-02T03:04:05.678Z') };
    await put('stamped', Buffer.from('x'), { source });
    const kept = server.objects(BUCKET).find(({ key }) => key === 'stamped')?.metadata;
    expect(kept).toEqual({
      'drydock-source-etag': '%220x8D%20%C3%A9%2F%25%22',
      'drydock-source-last-modified': '2025-01-02T03:04:05.678Z',
    });
    expect((await store.stat('stamped'))?.source).toEqual(source);
  });

  test('takes a stamp that cannot be read for none', async () => {
    const metadata = { 'drydock-source-last-modified': 'yesterday' };
    await server.putObject(BUCKET, 'odd', Buffer.from('x'), { metadata });
    expect((await store.stat('odd'))?.source).toBeUndefined();
  });
});

describe('failures are told apart', () => {
  test('no absence is proven while nothing shows that there is such a bucket', async () => {
    const elsewhere = open({}, 'no-such-bucket');
    expect(await failure(elsewhere.stat('key'))).toMatchObject({ code: 'bucket_not_found' });
    expect(await store.stat('absent')).toBeUndefined();
  });

  test('a clock that is off, another region, another secret', async () => {
    skewMs = 3_600_000;
    expect(await failure(listing(open()))).toMatchObject({ code: 'clock_skewed' });
    skewMs = 0;
    const region = await failure(listing(open({ region: 'eu-west-1' })));
    expect(region).toMatchObject({ hint: 'Add region=us-east-1 to the location' });
    const credentials = { ...server.credentials, secretAccessKey: 'another' };
    const denied = open({ credentials });
    expect(await failure(denied.stat('absent'))).toMatchObject({ code: 'denied' });
    const none = open({ credentials: () => Promise.reject(credentialsError()) });
    expect(await failure(listing(none))).toMatchObject({ code: 'denied' });
  });

  test('a TLS handshake that fails is not an endpoint that is down', async () => {
    const endpoint = server.endpoint.replace('http:', 'https:');
    expect(await failure(listing(open({ endpoint })))).toMatchObject({ code: 'tls_failed' });
    const down = open({ endpoint: 'http://127.0.0.1:9' });
    expect(await failure(listing(down))).toMatchObject({ code: 'unreachable', retryable: true });
    const nowhere = open({ endpoint: 'http://nowhere.invalid' });
    expect(await failure(listing(nowhere))).toMatchObject({ code: 'unreachable' });
  });

  test.each([
    [503, 'SlowDown', 'throttled'],
    [503, 'ServiceUnavailable', 'throttled'],
    [429, 'TooManyRequests', 'throttled'],
    [500, 'InternalError', 'unreachable'],
    [502, 'BadGateway', 'unreachable'],
    [400, 'RequestTimeout', 'unreachable'],
    [403, 'AccessDenied', 'denied'],
    [403, 'ExpiredToken', 'denied'],
    [400, 'ExpiredToken', 'denied'],
    [403, 'AllAccessDisabled', 'denied'],
    [404, 'XAdminUserNotFound', 'denied'],
    [403, 'InvalidObjectState', 'archived'],
    [409, 'ConditionalRequestConflict', 'changed'],
    [501, 'NotImplemented', 'unsupported'],
    [400, 'KeyTooLongError', 'invalid'],
    [404, 'NoSuchThing', 'invalid'],
  ] as const)('%d %s is %s', async (status, code, expected) => {
    server.setFault(() => ({ answer: { status, code } }));
    expect(await failure(store.read('key'))).toMatchObject({ code: expected });
  });

  test('HEAD has no body, so that its status alone decides, and 403 is never absent', async () => {
    for (const [status, expected] of [
      [400, 'denied'],
      [403, 'denied'],
      [503, 'throttled'],
      [500, 'unreachable'],
    ] as const) {
      server.setFault(() => ({ answer: { status, code: 'Hidden' } }));
      expect(await failure(store.stat('key'))).toMatchObject({ code: expected });
    }
  });

  test('a lock is known by the words of a denial', async () => {
    const message = 'Access Denied because object protected by object lock.';
    server.setFault(() => ({ answer: { status: 403, code: 'AccessDenied', message } }));
    expect(await failure(store.remove('key'))).toMatchObject({ code: 'locked' });
  });

  test('an answer that S3 never gave proves nothing', async () => {
    const page = createServer((_, response) => response.end('<html>Welcome</html>'));
    await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
    const { port } = page.address() as AddressInfo;
    const proxied = open({ endpoint: `http://127.0.0.1:${port}` });
    const codes = [await failure(proxied.stat('key')), await failure(proxied.read('key'))];
    expect(codes.map(({ code }) => code)).toEqual(['unsupported', 'unsupported']);
    expect((await failure(listing(proxied))).code).toBe('unsupported');
    page.closeAllConnections();
    await new Promise((resolve) => page.close(resolve));
  });

  test('a connection that breaks is unreachable, in the middle of a body too', async () => {
    await put('body', randomBytes(MIB));
    server.setFault(() => ({ reset: 'before' }));
    expect(await failure(store.stat('body'))).toMatchObject({ code: 'unreachable' });
    server.setFault(() => ({ cutBodyAfterBytes: 1000 }));
    const { body } = await store.read('body');
    expect(await failure(collect(body))).toMatchObject({ code: 'unreachable' });
  });
});

describe('removeMany()', () => {
  test('takes 1,000 keys a request and names those that stayed', async () => {
    const keys = Array.from({ length: 1500 }, (_, at) => `many/${at}`);
    const before = server.requests.length;
    expect(await store.removeMany(keys)).toEqual([]);
    expect(asked(before)).toEqual(['POST', 'POST']);
    let calls = 0;
    server.setFault(() => {
      calls += 1;
      return calls === 2 ? { answer: { status: 503, code: 'SlowDown' } } : undefined;
    });
    const failures = await store.removeMany(keys);
    expect(failures).toHaveLength(500);
    expect(failures[0]).toMatchObject({ key: 'many/1000', error: { code: 'throttled' } });
    server.setFault(() => ({ answer: { status: 403, code: 'AccessDenied' } }));
    expect(await failure(store.removeMany(keys))).toMatchObject({ code: 'denied' });
  });
});

function credentialsError(): Error {
  return Object.assign(new Error('Could not load credentials'), {
    name: 'CredentialsProviderError',
  });
}
