import { randomBytes } from 'node:crypto';
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blobStore } from '../../shared/stores/blob.ts';
import { BLOB_PULL_SIZES, blobServerCopy } from '../../shared/stores/blob-pull.ts';
import { bytesBody, collect } from '../../shared/stores/checksum.ts';
import { memoryStore } from '../../shared/stores/memory.ts';
import { S3_CLIENT_SETTINGS, s3Store } from '../../shared/stores/s3.ts';
import { s3ServerCopy } from '../../shared/stores/s3-pull.ts';
import { s3RangedCopy } from '../../shared/stores/s3-pull-ranges.ts';
import { s3PullSource } from '../../shared/stores/s3-pull-source.ts';
import { removeStaleUploads } from '../../shared/stores/s3-pull-upload.ts';
import type { ObjectInfo, ObjectStore } from '../../shared/stores/store.ts';
import { startAzurite } from '../support/azurite.ts';
import { systemClock } from '../support/clock.ts';
import { startPullProxy } from '../support/pull-proxy.ts';
import { type S3Service, startMoto, startVersitygw } from './s3-services.ts';

const PART_BYTES = 5 * 1024 * 1024;

async function given(store: ObjectStore, key: string, bytes: Uint8Array): Promise<ObjectInfo> {
  await store.write(key, bytesBody(bytes), { sizeBytes: bytes.byteLength });
  const info = await store.stat(key);
  if (info === undefined) throw new Error(`Cannot find "${key}"`);
  return info;
}

async function same(store: ObjectStore, key: string, bytes: Uint8Array): Promise<void> {
  const arrived = await collect((await store.read(key)).body);
  expect(Buffer.from(arrived).equals(bytes)).toBe(true);
}

const SERVICES = [
  { name: 'versitygw', start: startVersitygw, keepsCrc64: true },
  // It keeps no CRC64NVME of a whole object of parts, and lists none of parts.
  { name: 'moto', start: startMoto, keepsCrc64: false },
] as const;

describe.each(SERVICES)('the short ways of $name', ({ start, keepsCrc64 }) => {
  let service: S3Service;
  let client: S3Client;
  let source: ObjectStore;
  let target: ObjectStore;
  beforeAll(async () => {
    service = await start();
    for (const bucket of ['source', 'target']) await service.createBucket(bucket);
    const { endpoint, region, credentials } = service;
    client = new S3Client({
      ...{ ...S3_CLIENT_SETTINGS, endpoint, region, credentials, forcePathStyle: true },
    });
    source = s3Store({ client, bucket: 'source' });
    target = s3Store({ client, bucket: 'target' });
  });
  afterAll(async () => {
    client?.destroy();
    await service?.stop();
  });
  const uploads = async (): Promise<number> => {
    const command = new ListMultipartUploadsCommand({ Bucket: 'target' });
    return (await client.send(command)).Uploads?.length ?? 0;
  };
  const s3Copy = (sizes = { copyBytesMax: PART_BYTES, partBytes: PART_BYTES }) =>
    s3ServerCopy({
      ...{ client, bucket: 'target', store: target, sizes },
      source: { bucket: 'source', reader: source },
    });

  test('a presigned URL reads odd names, and Blob storage takes them over', async () => {
    const azurite = await startAzurite();
    await azurite.container('target').create();
    const proxy = await startPullProxy({ azurite });
    try {
      const copy = blobServerCopy({
        container: azurite.container('target', { endpoint: proxy.endpoint }),
        source: s3PullSource({ client, bucket: 'source', reader: source }),
        sizes: { ...BLOB_PULL_SIZES, blockBytes: PART_BYTES },
      });
      const blobs = blobStore({ container: azurite.container('target') });
      const names = ['plain', "odd +%41?#&='()-ä-🚢/deep"];
      for (const [at, key] of names.entries()) {
        const bytes = randomBytes(at === 0 && keepsCrc64 ? 2 * PART_BYTES + 1 : 1000);
        const info = await given(source, key, bytes);
        expect(copy.canPull(info).way).toBe('pull');
        await copy.pull(info, key, info.checksums ?? {});
        await same(blobs, key, bytes);
      }
    } finally {
      await proxy.close();
      await azurite.close();
    }
  });

  test('copies an object by itself, of this version alone', async () => {
    const bytes = randomBytes(10_000);
    const info = await given(source, 'copied ä+', bytes);
    const stamp = { etag: info.etag, lastModified: new Date('2025-03-04T05:06:07Z') };
    const pulled = await s3Copy().pull(info, 'copied ä+', info.checksums ?? {}, { source: stamp });
    await same(target, 'copied ä+', bytes);
    expect(await target.stat('copied ä+')).toMatchObject({ etag: pulled.etag, source: stamp });
    await given(source, 'copied ä+', randomBytes(10_000));
    const late = s3Copy().pull(info, 'late', info.checksums ?? {});
    await expect(late).rejects.toMatchObject({ code: 'changed' });
    expect(await target.stat('late')).toBeUndefined();
  });

  // versitygw 1.7.0 tells of each copied part the checksum of the whole source, moto none: neither can
  // be believed, and what cannot be proven is not shown.
  test('refuses parts whose checksums are not theirs, and leaves nothing', async () => {
    const info = await given(source, 'parts', randomBytes(2 * PART_BYTES + 77));
    const expected = info.checksums ?? { crc64nvme: '0123456789abcdef' };
    const call = s3Copy().pull(info, 'parts', expected);
    await expect(call).rejects.toMatchObject({ code: keepsCrc64 ? 'corrupt' : 'unsupported' });
    expect(await target.stat('parts')).toBeUndefined();
    expect(await uploads()).toBe(0);
  });

  test('goes on with an upload that was broken off, and ends stale ones', async () => {
    const memory = memoryStore('source', systemClock);
    const bytes = randomBytes(4 * PART_BYTES);
    const info = await given(memory, 'ranges', bytes);
    let reads = 0;
    const breaking = {
      ...memory,
      read: (...args: Parameters<ObjectStore['read']>) => {
        reads += 1;
        return reads === 3 ? Promise.reject(new Error('killed')) : memory.read(...args);
      },
    };
    const place = { client, bucket: 'target', partBytes: PART_BYTES };
    const first = s3RangedCopy({ ...place, source: breaking });
    await expect(first.pull(info, 'ranges', info.checksums ?? {})).rejects.toThrow('killed');
    expect(await target.stat('ranges')).toBeUndefined();
    expect(await uploads()).toBe(1);
    await s3RangedCopy({ ...place, source: memory }).pull(info, 'ranges', info.checksums ?? {});
    await same(target, 'ranges', bytes);
    expect(await uploads()).toBe(0);

    reads = 0;
    await expect(first.pull(info, 'stale', info.checksums ?? {})).rejects.toThrow('killed');
    // moto says of every upload that it was begun in 2010.
    const young = await removeStaleUploads(place, '', new Date('2010-01-01'));
    expect(young).toEqual([]);
    expect(await uploads()).toBe(1);
    expect(await removeStaleUploads(place, '', new Date('2099-01-01'))).toEqual(['stale']);
    expect(await uploads()).toBe(0);
  });
});
