import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { S3Event } from './s3-server/events.ts';
import { type FaultHook, type S3Server, startS3Server } from './s3-server/server.ts';

const events: S3Event[] = [];
const Bucket = 'bucket';
let server: S3Server;
let client: S3Client;

const put = (Key: string, Body = 'x', more = {}) =>
  client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const list = (more = {}) => client.send(new ListObjectsV2Command({ Bucket, ...more }));

beforeAll(async () => {
  server = await startS3Server({ onEvent: (event) => events.push(event) });
  const { endpoint, region, credentials } = server;
  client = new S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 });
});
beforeEach(async () => {
  const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
  for (const bucket of Buckets) {
    for (const { key } of server.objects(bucket.Name ?? ''))
      await client.send(new DeleteObjectCommand({ Bucket: bucket.Name, Key: key }));
    await client.send(new DeleteBucketCommand({ Bucket: bucket.Name }));
  }
  server.createBucket(Bucket);
  events.length = 0;
});
afterAll(async () => {
  client.destroy();
  await server.close();
});

describe('listings', () => {
  test('go by UTF-8 bytes, also where UTF-16 units say otherwise', async () => {
    const expected = ['A', 'B', 'a', 'a/b', 'z', '~', 'é', '日', '\uff5e', '🚢'];
    for (const key of expected.toReversed()) await put(key);
    const { Contents = [] } = await list();
    expect(Contents.map((object) => object.Key)).toEqual(expected);
    const units = [...expected].sort();
    expect(units).not.toEqual(expected);
  });

  test('page through keys and common prefixes by opaque tokens, losing none', async () => {
    const all = ['a', 'b/1', 'b/2', 'b/3', 'c', 'd/1', 'e', 'f/g/1', 'f/h'];
    for (const key of all) await put(key);
    const seen: (string | undefined)[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await list({ MaxKeys: 2, Delimiter: '/', ContinuationToken });
      expect(page.KeyCount).toBeLessThanOrEqual(2);
      seen.push(
        ...(page.Contents ?? []).map((object) => object.Key),
        ...(page.CommonPrefixes ?? []).map((common) => common.Prefix),
      );
      ContinuationToken = page.NextContinuationToken;
      expect(page.IsTruncated).toBe(ContinuationToken !== undefined);
      expect(all).not.toContain(ContinuationToken);
    } while (ContinuationToken !== undefined);
    expect(seen.sort()).toEqual(['a', 'b/', 'c', 'd/', 'e', 'f/']);
    const wrong = list({ ContinuationToken: 'made-up' });
    await expect(wrong).rejects.toMatchObject({ name: 'InvalidArgument' });
  });

  test('answer prefix, start-after, max-keys, encoding and version 1', async () => {
    for (const key of ['p/1', 'p/2', 'p/3 +ü', 'q']) await put(key);
    const names = async (more: object) =>
      (await list(more)).Contents?.map((object) => object.Key) ?? [];
    expect(await names({ Prefix: 'p/', StartAfter: 'p/1' })).toEqual(['p/2', 'p/3 +ü']);
    expect(await names({ Prefix: 'p/', StartAfter: 'o' })).toHaveLength(3);
    expect(await names({ Prefix: 'p/', StartAfter: 'q' })).toEqual([]);
    expect(await names({ MaxKeys: 0 })).toEqual([]);
    expect(await names({ Prefix: 'p/3', EncodingType: 'url' })).toEqual(['p/3+%2B%C3%BC']);
    const first = await client.send(new ListObjectsCommand({ Bucket, MaxKeys: 3 }));
    expect(first).toMatchObject({ IsTruncated: true });
    const rest = await client.send(new ListObjectsCommand({ Bucket, Marker: 'p/3 +ü' }));
    expect(rest.Contents?.map((object) => object.Key)).toEqual(['q']);
  });
});

describe('buckets and many objects', () => {
  test('creates, finds, lists and removes buckets', async () => {
    await client.send(new CreateBucketCommand({ Bucket: 'another' }));
    await client.send(new HeadBucketCommand({ Bucket: 'another' }));
    const { Buckets } = await client.send(new ListBucketsCommand({}));
    expect(Buckets?.map((bucket) => bucket.Name)).toEqual(['another', 'bucket']);
    const location = await client.send(new GetBucketLocationCommand({ Bucket }));
    expect(location.LocationConstraint).toBeUndefined();
    await put('k');
    const full = client.send(new DeleteBucketCommand({ Bucket }));
    await expect(full).rejects.toMatchObject({ name: 'BucketNotEmpty' });
    const again = client.send(new CreateBucketCommand({ Bucket }));
    await expect(again).rejects.toMatchObject({ name: 'BucketAlreadyOwnedByYou' });
    const absent = client.send(new HeadBucketCommand({ Bucket: 'absent' }));
    await expect(absent).rejects.toMatchObject({ name: 'NotFound' });
  });

  test('removes many keys, each by its own condition', async () => {
    const { ETag } = await put('a<&>', '1');
    await put('b', '2');
    const { Deleted, Errors } = await client.send(
      new DeleteObjectsCommand({
        Bucket,
        Delete: { Objects: [{ Key: 'a<&>', ETag }, { Key: 'b', ETag }, { Key: 'absent' }] },
      }),
    );
    expect(Deleted?.map((object) => object.Key)).toEqual(['a<&>', 'absent']);
    expect(Errors).toMatchObject([{ Key: 'b', Code: 'PreconditionFailed' }]);
    expect(server.objects(Bucket).map((object) => object.key)).toEqual(['b']);
  });

  test('copies bytes with their metadata, and by conditions on both sides', async () => {
    const { ETag } = await put('from', 'bytes', { Metadata: { origin: 'test' } });
    const copy = (more = {}) =>
      client.send(
        new CopyObjectCommand({ Bucket, Key: 'to ü', CopySource: `${Bucket}/from`, ...more }),
      );
    expect((await copy({ IfNoneMatch: '*' })).CopyObjectResult?.ETag).toBe(ETag);
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'to ü' }));
    expect(head.Metadata).toEqual({ origin: 'test' });
    for (const more of [{ IfNoneMatch: '*' }, { CopySourceIfMatch: 'other' }])
      await expect(copy(more)).rejects.toMatchObject({ name: 'PreconditionFailed' });
  });
});

describe('what tests script', () => {
  const fault = async (hook: FaultHook): Promise<unknown> => {
    server.setFault(hook);
    const outcome = await put('faulty').catch((error: unknown) => error);
    server.setFault(undefined);
    return outcome;
  };

  test('answers, resets and silences on demand', async () => {
    const slow = { answer: { status: 503, code: 'SlowDown' } };
    expect(await fault(() => slow)).toMatchObject({
      name: 'SlowDown',
      $metadata: { httpStatusCode: 503 },
    });
    expect(await fault(() => ({ reset: 'before' }))).toMatchObject({ code: 'ECONNRESET' });
    expect(server.objects(Bucket)).toHaveLength(0);
    expect(await fault(() => ({ reset: 'after' }))).toMatchObject({ code: 'ECONNRESET' });
    expect(server.objects(Bucket)).toHaveLength(1);
    server.setFault(() => ({ silence: true }));
    const abortSignal = AbortSignal.timeout(50);
    await expect(
      client.send(new HeadBucketCommand({ Bucket }), { abortSignal }),
    ).rejects.toMatchObject({ name: 'AbortError' });
    server.setFault(undefined);
  });

  test('cuts the body of an answer', async () => {
    await put('k', '0123456789');
    server.setFault(({ method }) => (method === 'GET' ? { cutBodyAfterBytes: 4 } : undefined));
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: 'k' }));
    await expect(Body?.transformToString()).rejects.toMatchObject({ code: 'ECONNRESET' });
    server.setFault(undefined);
  });

  test('logs each request with its outcome', async () => {
    const before = server.requests.length;
    await put('k');
    await client.send(new GetObjectCommand({ Bucket, Key: 'no' })).catch(() => {});
    expect(server.requests.slice(before)).toMatchObject([
      { method: 'PUT', bucket: Bucket, key: 'k', status: 200 },
      { method: 'GET', bucket: Bucket, key: 'no', status: 404 },
    ]);
  });

  test('tells events as EventBridge delivers them', async () => {
    const { ETag } = await put('k', '12345');
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'k' }));
    const [created, deleted] = events;
    expect(created).toMatchObject({
      version: '0',
      'detail-type': 'Object Created',
      source: 'aws.s3',
      region: 'us-east-1',
      resources: ['arn:aws:s3:::bucket'],
      detail: {
        bucket: { name: Bucket },
        object: { key: 'k', size: 5, etag: ETag?.replaceAll('"', '') },
        reason: 'PutObject',
      },
    });
    expect(deleted).toMatchObject({
      'detail-type': 'Object Deleted',
      detail: { object: { key: 'k' }, reason: 'DeleteObject' },
    });
  });
});
