import { randomBytes } from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesBody, collect } from '../../shared/stores/checksum.ts';
import { memoryStore } from '../../shared/stores/memory.ts';
import { S3_CLIENT_SETTINGS, s3Store } from '../../shared/stores/s3.ts';
import { s3ServerCopy, sameS3Service } from '../../shared/stores/s3-pull.ts';
import { s3RangedCopy } from '../../shared/stores/s3-pull-ranges.ts';
import { s3PullSource } from '../../shared/stores/s3-pull-source.ts';
import { removeStaleUploads } from '../../shared/stores/s3-pull-upload.ts';
import type { ObjectInfo, ObjectReader, ObjectStore } from '../../shared/stores/store.ts';
import { systemClock } from '../support/clock.ts';
import { type S3Server, startS3Server } from '../support/s3-server/server.ts';

const PART_BYTES = 1024;
let server: S3Server;
let now = new Date();
let client: S3Client;
let source: ObjectStore;
let target: ObjectStore;

beforeAll(async () => {
  server = await startS3Server({ partBytesMin: PART_BYTES, clock: () => now });
  for (const bucket of ['source', 'target']) server.createBucket(bucket);
  client = connect();
  source = s3Store({ client, bucket: 'source' });
  target = s3Store({ client, bucket: 'target' });
});
afterAll(() => server?.close());

function connect(config: ConstructorParameters<typeof S3Client>[0] = {}): S3Client {
  const { endpoint, region, credentials } = server;
  const fixed = { ...S3_CLIENT_SETTINGS, endpoint, region, credentials, forcePathStyle: true };
  return new S3Client({ ...fixed, ...config });
}

async function given(key: string, bytes: Uint8Array, store = source): Promise<ObjectInfo> {
  await store.write(key, bytesBody(bytes), { sizeBytes: bytes.byteLength });
  const info = await store.stat(key);
  if (info === undefined) throw new Error(`There is no "${key}"`);
  return info;
}

const arrived = async (key: string): Promise<Buffer> =>
  Buffer.from(await collect((await target.read(key)).body));

const copying = (from: S3Client, copyBytesMax = 10_000) =>
  s3ServerCopy({
    ...{ client: from, bucket: 'target', store: target },
    source: { bucket: 'source', reader: source },
    sizes: { copyBytesMax, partBytes: PART_BYTES },
  });

/** A client whose answers to a command are changed before anybody sees them. */
function altering(name: string, alter: (output: Record<string, unknown>) => void): S3Client {
  const altered = connect();
  altered.middlewareStack.add(
    (next, context) => async (args) => {
      const result = await next(args);
      if (context['commandName'] === name) {
        alter(result.output as unknown as Record<string, unknown>);
      }
      return result;
    },
    { step: 'initialize' },
  );
  return altered;
}

describe('a copy by S3 itself', () => {
  test('is one request, and parts are one each', async () => {
    const since = server.requests.length;
    const small = await given('one', randomBytes(500));
    const large = await given('three', randomBytes(3 * PART_BYTES));
    const before = server.requests.length;
    expect(before).toBeGreaterThan(since);
    await copying(client).pull(small, 'one', small.checksums ?? {});
    expect(server.requests.length - before).toBe(1);
    await copying(client, 1).pull(large, 'three', large.checksums ?? {});
    // Uploads, a new one, its label, three parts, the end, and its time.
    expect(server.requests.length - before - 1).toBe(8);
  });

  test('whose answer tells other bytes is removed again', async () => {
    const info = await given('lies', randomBytes(500));
    const liar = altering('CopyObjectCommand', (output) => {
      output['CopyObjectResult'] = {
        ...(output['CopyObjectResult'] as object),
        ChecksumCRC64NVME: Buffer.alloc(8).toString('base64'),
      };
    });
    const call = copying(liar).pull(info, 'lies', info.checksums ?? {});
    await expect(call).rejects.toMatchObject({ code: 'corrupt' });
    expect(await target.stat('lies')).toBeUndefined();
  });

  test('of a source that changed is refused by S3 itself: nothing has to be removed', async () => {
    const info = await given('replaced', randomBytes(500));
    await given('replaced', randomBytes(500));
    const since = server.requests.length;
    const call = copying(client).pull(info, 'replaced', info.checksums ?? {});
    await expect(call).rejects.toMatchObject({ code: 'changed' });
    const methods = server.requests.slice(since).map(({ method }) => method);
    expect(methods).toEqual(['PUT', 'HEAD']);
  });

  test('whose answer tells nothing is looked at', async () => {
    const info = await given('silent', randomBytes(500));
    const { crc64nvme = '' } = info.checksums ?? {};
    const silent = altering('CopyObjectCommand', (output) => {
      const { ETag } = output['CopyObjectResult'] as { ETag: string };
      output['CopyObjectResult'] = { ETag };
    });
    const pulled = await copying(silent).pull(info, 'silent', { crc64nvme });
    expect(pulled.checksums?.crc64nvme).toBe(crc64nvme);
    const wrong = copying(silent).pull(info, 'wrong', { crc64nvme: '0'.repeat(16) });
    await expect(wrong).rejects.toMatchObject({ code: 'corrupt' });
    expect(await target.stat('wrong')).toBeUndefined();
  });

  test('of parts without checksums is refused, and leaves no upload', async () => {
    const info = await given('mute', randomBytes(3 * PART_BYTES));
    const mute = altering('UploadPartCopyCommand', (output) => {
      output['CopyPartResult'] = { ETag: '"e"' };
    });
    const call = copying(mute, 1).pull(info, 'mute', info.checksums ?? {});
    await expect(call).rejects.toMatchObject({ code: 'unsupported' });
    expect(server.unfinishedUploads('target')).toBe(0);
  });

  test('takes one service: an endpoint, or AWS within a partition', async () => {
    const aws = (region: string): S3Client => new S3Client({ region });
    expect(await sameS3Service(client, connect())).toBe(true);
    expect(await sameS3Service(client, aws('us-east-1'))).toBe(false);
    expect(await sameS3Service(aws('eu-west-1'), aws('us-east-1'))).toBe(true);
    expect(await sameS3Service(aws('cn-north-1'), aws('us-east-1'))).toBe(false);
    expect(await sameS3Service(client, connect({ endpoint: 'http://127.0.0.1:9' }))).toBe(false);
  });
});

describe('an upload that was broken off', () => {
  const memory = memoryStore('memory', systemClock);
  const ranged = (reader: ObjectReader) =>
    s3RangedCopy({ client, bucket: 'target', source: reader, partBytes: PART_BYTES });
  const dying = (reader: ObjectReader = memory): ObjectReader => {
    let reads = 0;
    return {
      ...memory,
      read: (...args) => {
        reads += 1;
        return reads === 3 ? Promise.reject(new Error('killed')) : reader.read(...args);
      },
    };
  };
  const stamp = (info: ObjectInfo) => ({
    source: { etag: info.etag, lastModified: new Date('2025-03-04T05:06:07Z') },
  });

  test('is not continued for another version of the source', async () => {
    const first = await given('versions', randomBytes(4 * PART_BYTES), memory);
    const call = ranged(dying()).pull(first, 'versions', first.checksums ?? {}, stamp(first));
    await expect(call).rejects.toThrow('killed');
    const bytes = randomBytes(4 * PART_BYTES);
    const second = await given('versions', bytes, memory);
    await ranged(memory).pull(second, 'versions', second.checksums ?? {}, stamp(second));
    expect((await arrived('versions')).equals(bytes)).toBe(true);
    expect((await target.stat('versions'))?.source).toEqual(stamp(second).source);
    // Nobody comes back for the first one.
    expect(server.unfinishedUploads('target')).toBe(1);
    const place = { client, bucket: 'target' };
    expect(await removeStaleUploads(place, 'versions', new Date(0))).toEqual([]);
    expect(await removeStaleUploads(place, 'other', new Date('2099-01-01'))).toEqual([]);
    const removed = await removeStaleUploads(place, 'versions', new Date('2099-01-01'));
    expect(removed).toEqual(['versions']);
    expect(server.unfinishedUploads('target')).toBe(0);
  });

  test('sends no part again, and believes none that the source contradicts', async () => {
    const info = await given('again', randomBytes(4 * PART_BYTES), memory);
    const break_ = () => ranged(dying()).pull(info, 'again', info.checksums ?? {});
    await expect(break_()).rejects.toThrow('killed');
    const liar: ObjectReader = {
      ...memory,
      read: async (...args) => {
        const { info: about, body } = await memory.read(...args);
        return { info: about, body: bytesBody(randomBytes((await collect(body)).length))() };
      },
    };
    const lies = ranged(liar).pull(info, 'again', info.checksums ?? {});
    await expect(lies).rejects.toMatchObject({ code: 'corrupt' });
    expect(server.unfinishedUploads('target')).toBe(0);
    // Nor parts that are not what the source says by now.
    const brokenLies = ranged(dying(liar)).pull(info, 'again', info.checksums ?? {});
    await expect(brokenLies).rejects.toThrow('killed');
    const honest = ranged(memory).pull(info, 'again', info.checksums ?? {});
    await expect(honest).rejects.toMatchObject({ code: 'corrupt' });
    expect(await target.stat('again')).toBeUndefined();
    expect(server.unfinishedUploads('target')).toBe(0);
    await expect(break_()).rejects.toThrow('killed');
    const since = server.requests.length;
    await ranged(memory).pull(info, 'again', info.checksums ?? {});
    const sent = server.requests.slice(since).filter(({ method }) => method === 'PUT');
    expect(sent.map(({ query }) => query['partNumber'])).toEqual(['3', '4']);
  });

  test('of a known CRC64NVME is continued without reading what was sent', async () => {
    const bytes = randomBytes(4 * PART_BYTES);
    const info = await given('known', bytes, memory);
    const { crc64nvme = '' } = (await given('known', bytes)).checksums ?? {};
    await expect(ranged(dying()).pull(info, 'known', { crc64nvme })).rejects.toThrow('killed');
    const reads: unknown[] = [];
    const counting: ObjectReader = {
      ...memory,
      read: (key, options) => {
        reads.push(options);
        return memory.read(key, options);
      },
    };
    await ranged(counting).pull(info, 'known', { crc64nvme });
    const range = (at: number) => ({ offsetBytes: at * PART_BYTES, lengthBytes: PART_BYTES });
    const ifMatch = info.etag;
    expect(reads).toEqual([
      { range: range(2), ifMatch },
      { range: range(3), ifMatch },
    ]);
    expect((await arrived('known')).equals(bytes)).toBe(true);
  });
});

describe('the address of an object', () => {
  test('is readable by anybody for ten minutes, and is made without a request', async () => {
    await given('secret', Buffer.from('hello'));
    const since = server.requests.length;
    const session = connect({ credentials: { ...server.credentials, sessionToken: 'a+/=token' } });
    const options = { bucket: 'source', reader: source };
    const url = await s3PullSource({ client, ...options }).address('secret');
    const ofSession = await s3PullSource({ client: session, ...options }).address('secret');
    expect(server.requests.length).toBe(since);
    const parameters = new URL(url).searchParams;
    expect(parameters.get('X-Amz-Expires')).toBe('600');
    expect(parameters.get('X-Amz-SignedHeaders')).toBe('host');
    expect(new URL(ofSession).searchParams.get('X-Amz-Security-Token')).toBe('a+/=token');
    const read = async (): Promise<number> => (await fetch(url)).status;
    expect(await read()).toBe(200);
    now = new Date(now.getTime() + 11 * 60_000);
    expect(await read()).toBe(403);
    expect((await fetch(`${url}0`)).status).toBe(403);
  });

  test('of an endpoint of AWS names its bucket and region', async () => {
    const aws = new S3Client({
      ...{ ...S3_CLIENT_SETTINGS, region: 'eu-west-1' },
      credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'x' },
    });
    const url = await s3PullSource({ client: aws, bucket: 'my-bucket', reader: source }).address(
      'k',
    );
    expect(url).toMatch(/^https:\/\/my-bucket\.s3\.eu-west-1\.amazonaws\.com\/k\?/);
  });

  test('cannot be made without credentials, and says so', async () => {
    const nobody = connect({ credentials: () => Promise.reject(new Error('none')) });
    const made = s3PullSource({ client: nobody, bucket: 'source', reader: source }).address('k');
    await expect(made).rejects.toThrow('Cannot sign for "s3://source/k"');
  });
});
