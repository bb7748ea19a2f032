import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  type ChecksumAlgorithm,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
  type S3ClientConfig,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type S3Server, startS3Server } from './s3-server/server.ts';

const MIB = 1024 * 1024;
let skewMs = 0;
let server: S3Server;
let client: S3Client;
let buckets = 0;
let Bucket = '';

function connect(config: Partial<S3ClientConfig> = {}): S3Client {
  const { endpoint, region, credentials } = server;
  const fixed = { endpoint, region, forcePathStyle: true, maxAttempts: 1 };
  return new S3Client({ credentials, ...fixed, ...config });
}

async function refusal(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof S3ServiceException)) throw error ?? new Error('The call succeeded');
  return `${error.$metadata.httpStatusCode} ${error.name}`;
}

const put = (Key: string, Body: NonNullable<PutObjectCommandInput['Body']>, more = {}) =>
  client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = async (Key: string, more = {}): Promise<Buffer> => {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
};
const keys = async (more = {}): Promise<(string | undefined)[]> =>
  ((await client.send(new ListObjectsV2Command({ Bucket, ...more }))).Contents ?? []).map(
    (object) => object.Key,
  );

beforeAll(async () => {
  server = await startS3Server({
    clock: () => new Date(Date.now() + skewMs),
  });
  client = connect();
});
beforeEach(() => {
  buckets += 1;
  Bucket = `bucket-${buckets}`;
  server.createBucket(Bucket);
});
afterAll(async () => {
  client.destroy();
  await server.close();
});

describe('who may ask', () => {
  test('refuses a wrong key, a wrong secret, no signature and another region', async () => {
    const { accessKeyId, secretAccessKey } = server.credentials;
    const asked = (config: Partial<S3ClientConfig>) =>
      refusal(connect(config).send(new ListObjectsV2Command({ Bucket })));
    expect(await asked({ credentials: { accessKeyId: 'other', secretAccessKey } })).toBe(
      '403 InvalidAccessKeyId',
    );
    expect(await asked({ credentials: { accessKeyId, secretAccessKey: 'other' } })).toBe(
      '403 SignatureDoesNotMatch',
    );
    const unsigned = connect();
    unsigned.middlewareStack.add(
      (next) => (args) => {
        delete (args.request as { headers: Record<string, string> }).headers['authorization'];
        return next(args);
      },
      { step: 'finalizeRequest', priority: 'low' },
    );
    expect(await refusal(unsigned.send(new ListObjectsV2Command({ Bucket })))).toBe(
      '403 AccessDenied',
    );
    expect(await asked({ region: 'eu-central-1' })).toBe('400 AuthorizationHeaderMalformed');
  });

  test('refuses a clock that is more than 15 minutes off', async () => {
    // The SDK corrects its clock by the answer, so that each direction needs a fresh client.
    for (const offsetMs of [-16 * 60_000, 16 * 60_000]) {
      skewMs = offsetMs;
      const call = connect().send(new ListObjectsV2Command({ Bucket }));
      expect(await refusal(call)).toBe('403 RequestTimeTooSkewed');
    }
    skewMs = 14 * 60_000;
    expect((await connect().send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(0);
    skewMs = 0;
  });

  test('signs every legal odd character of keys and metadata alike with the SDK', async () => {
    const odd = "a b+c%41?d#e&f=g'h!(i)*j~$@:;,[]{}<>|^`\\é日🚢//..//./x";
    await put(odd, 'odd', { Metadata: { spaced: 'a   b  c' } });
    expect((await get(odd)).toString()).toBe('odd');
    const [listed] = await keys({ Prefix: odd });
    expect(listed).toBe(odd);
  });
});

describe('bodies', () => {
  test('verifies and returns every checksum that the SDK can send', async () => {
    const bytes = randomBytes(100_000);
    for (const algorithm of ['CRC32', 'CRC32C', 'SHA1', 'SHA256', 'CRC64NVME'] as const) {
      const name = `Checksum${algorithm}` as const;
      for (const body of [bytes, Readable.from([bytes.subarray(0, 8192), bytes.subarray(8192)])]) {
        const sent = await put(algorithm, body, {
          ChecksumAlgorithm: algorithm,
          ContentLength: bytes.length,
        });
        expect(sent.ChecksumType).toBe('FULL_OBJECT');
        const head = await client.send(
          new HeadObjectCommand({ Bucket, Key: algorithm, ChecksumMode: 'ENABLED' }),
        );
        expect(head[name]).toBe(sent[name]);
        expect(sent[name]).toBeDefined();
        expect(bytes.equals(await get(algorithm))).toBe(true);
      }
    }
  });

  test('keeps CRC64NVME of what was sent without a checksum', async () => {
    const plain = connect({ requestChecksumCalculation: 'WHEN_REQUIRED' });
    await plain.send(new PutObjectCommand({ Bucket, Key: 'k', Body: '123456789' }));
    const head = await client.send(
      new HeadObjectCommand({ Bucket, Key: 'k', ChecksumMode: 'ENABLED' }),
    );
    expect(head.ChecksumCRC64NVME).toBe('rosUhgp5mIg=');
    expect(head.ChecksumCRC32).toBeUndefined();
  });

  test('refuses a wrong checksum, a wrong MD5 and bytes altered on the way', async () => {
    expect(await refusal(put('k', 'x', { ChecksumCRC64NVME: 'rosUhgp5mIg=' }))).toBe(
      '400 BadDigest',
    );
    expect(await refusal(put('k', 'x', { ChecksumCRC32: 'abc' }))).toBe('400 InvalidRequest');
    const md5 = createHash('md5').update('other').digest('base64');
    expect(await refusal(put('k', 'x', { ContentMD5: md5 }))).toBe('400 BadDigest');
    expect(await refusal(put('k', 'x', { ContentMD5: 'abc' }))).toBe('400 InvalidDigest');
    const altering = connect();
    altering.middlewareStack.add(
      (next) => (args) => {
        (args.request as { body: unknown }).body = 'y';
        return next(args);
      },
      { step: 'finalizeRequest', priority: 'low' },
    );
    const call = altering.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
    expect(await refusal(call)).toBe('400 XAmzContentSHA256Mismatch');
    expect(await keys()).toEqual([]);
  });

  test('refuses chunks that are too small, as S3 does', async () => {
    // The SDK says so only to who listens, and would print it otherwise.
    const quiet = connect({ logger: { debug() {}, info() {}, warn() {}, error() {} } });
    const Body = Readable.from([Buffer.from('hel'), Buffer.from('lo')]);
    const input = { Bucket, Key: 'k', Body, ContentLength: 5 };
    expect(await refusal(quiet.send(new PutObjectCommand(input)))).toBe(
      '403 InvalidChunkSizeError',
    );
  });

  test('takes large bodies, asking for them by 100 Continue only when it wants them', async () => {
    const bytes = randomBytes(9 * MIB);
    await put('k', bytes);
    expect(bytes.equals(await get('k'))).toBe(true);
    expect(await refusal(put('k', bytes, { IfNoneMatch: '*' }))).toBe('412 PreconditionFailed');
    expect(bytes.equals(await get('k'))).toBe(true);
  });

  test('shows nothing of a body that breaks off', async () => {
    const abort = new AbortController();
    async function* half(): AsyncGenerator<Uint8Array> {
      yield randomBytes(MIB);
      abort.abort();
      await new Promise(() => {});
    }
    const input = { Bucket, Key: 'k', Body: Readable.from(half()), ContentLength: 2 * MIB };
    const call = client.send(new PutObjectCommand(input), { abortSignal: abort.signal });
    await expect(call).rejects.toThrow(/abort/i);
    expect(await keys()).toEqual([]);
    expect(server.requests.at(-2)).toMatchObject({ method: 'PUT', key: 'k', status: 0 });
  });
});

describe('reading', () => {
  test('answers ranges, and 416 outside', async () => {
    await put('k', '0123456789');
    expect((await get('k', { Range: 'bytes=2-4' })).toString()).toBe('234');
    expect((await get('k', { Range: 'bytes=8-' })).toString()).toBe('89');
    expect((await get('k', { Range: 'bytes=-3' })).toString()).toBe('789');
    expect((await get('k', { Range: 'bytes=8-20' })).toString()).toBe('89');
    expect(await refusal(get('k', { Range: 'bytes=10-10' }))).toBe('416 InvalidRange');
    const { ContentRange } = await client.send(
      new GetObjectCommand({ Bucket, Key: 'k', Range: 'bytes=2-4' }),
    );
    expect(ContentRange).toBe('bytes 2-4/10');
  });

  test('answers conditions, absence and an absent bucket each in its own way', async () => {
    const { ETag } = await put('k', 'x');
    expect((await get('k', { IfMatch: ETag })).toString()).toBe('x');
    expect(await refusal(get('k', { IfMatch: '"other"' }))).toBe('412 PreconditionFailed');
    expect(await refusal(get('k', { IfNoneMatch: ETag }))).toMatch(/^304 /);
    expect(await refusal(get('absent'))).toBe('404 NoSuchKey');
    expect(await refusal(client.send(new HeadObjectCommand({ Bucket, Key: 'absent' })))).toBe(
      '404 NotFound',
    );
    const elsewhere = { Bucket: 'no-such-bucket', Key: 'k' };
    expect(await refusal(client.send(new GetObjectCommand(elsewhere)))).toBe('404 NoSuchBucket');
    expect(await refusal(client.send(new ListObjectsV2Command(elsewhere)))).toBe(
      '404 NoSuchBucket',
    );
  });

  test('shows seeded times, metadata and storage class, and refuses archived bytes', async () => {
    const lastModified = new Date('2024-02-03T04:05:06Z');
    await server.putObject(Bucket, 'cold', Buffer.from('x'), {
      lastModified,
      metadata: { origin: 'test' },
      storageClass: 'GLACIER',
    });
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'cold' }));
    expect(head).toMatchObject({
      LastModified: lastModified,
      Metadata: { origin: 'test' },
      StorageClass: 'GLACIER',
    });
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket }));
    expect(Contents).toMatchObject([{ LastModified: lastModified, StorageClass: 'GLACIER' }]);
    expect(await refusal(get('cold'))).toBe('403 InvalidObjectState');
  });
});

describe('conditional writes', () => {
  test('honours If-None-Match and If-Match', async () => {
    const first = await put('k', '1', { IfNoneMatch: '*' });
    expect(await refusal(put('k', '2', { IfNoneMatch: '*' }))).toBe('412 PreconditionFailed');
    await put('k', '2', { IfMatch: first.ETag });
    expect(await refusal(put('k', '3', { IfMatch: first.ETag }))).toBe('412 PreconditionFailed');
    const remove = (more = {}) =>
      client.send(new DeleteObjectCommand({ Bucket, Key: 'k', ...more }));
    expect(await refusal(remove({ IfMatch: first.ETag }))).toBe('412 PreconditionFailed');
    await remove();
    await remove();
    expect(await refusal(put('k', '3', { IfMatch: first.ETag }))).toBe('404 NoSuchKey');
  });

  test('lets one of 20 racing writers win', async () => {
    const racers = Array.from({ length: 20 }, (_, at) => put('k', `${at}`, { IfNoneMatch: '*' }));
    const won = (await Promise.allSettled(racers)).map((outcome) => outcome.status);
    expect(won.filter((status) => status === 'fulfilled')).toHaveLength(1);
    expect((await get('k')).toString()).toBe(`${won.indexOf('fulfilled')}`);
  });
});

describe('multipart uploads', () => {
  async function upload(
    Key: string,
    sizes: readonly number[],
    create: { ChecksumAlgorithm?: ChecksumAlgorithm; ChecksumType?: 'FULL_OBJECT' | 'COMPOSITE' },
  ) {
    const target = { Bucket, Key };
    const { UploadId } = await client.send(
      new CreateMultipartUploadCommand({ ...target, ...create }),
    );
    const bytes = sizes.map((size) => randomBytes(size));
    const Parts = await Promise.all(
      bytes.map(async (Body, at) => {
        const PartNumber = at + 1;
        const algorithm = create.ChecksumAlgorithm;
        const { $metadata: _, ...sent } = await client.send(
          new UploadPartCommand({
            ...target,
            UploadId,
            PartNumber,
            Body,
            ...(algorithm && { ChecksumAlgorithm: algorithm }),
          }),
        );
        return { PartNumber, ...sent };
      }),
    );
    const complete = (more = {}) =>
      client.send(
        new CompleteMultipartUploadCommand({
          ...target,
          UploadId,
          MultipartUpload: { Parts },
          ...more,
        }),
      );
    return { UploadId, Parts, bytes: Buffer.concat(bytes), complete };
  }

  test('completes with the ETag and the checksum of either type', async () => {
    const sizes = [5 * MIB, 5 * MIB, 3];
    for (const [ChecksumAlgorithm, ChecksumType] of [
      ['CRC64NVME', 'FULL_OBJECT'],
      ['CRC32', 'FULL_OBJECT'],
      ['CRC32', 'COMPOSITE'],
      ['SHA256', 'COMPOSITE'],
    ] as const) {
      const begun = await upload('k', sizes, { ChecksumAlgorithm, ChecksumType });
      const done = await begun.complete();
      expect(done.ETag).toMatch(/^"[0-9a-f]{32}-3"$/);
      expect(done.ChecksumType).toBe(ChecksumType);
      const value = done[`Checksum${ChecksumAlgorithm}`];
      expect(value).toMatch(ChecksumType === 'COMPOSITE' ? /=-3$/ : /=$/);
      expect(begun.bytes.equals(await get('k'))).toBe(true);
      if (ChecksumType === 'FULL_OBJECT') {
        const single = await put('one', begun.bytes, { ChecksumAlgorithm });
        expect(value).toBe(single[`Checksum${ChecksumAlgorithm}`]);
      }
    }
  });

  test('checks the whole object, its conditions, its parts and their size', async () => {
    const begun = await upload('k', [5 * MIB, 3], { ChecksumAlgorithm: 'CRC64NVME' });
    expect(await refusal(begun.complete({ ChecksumCRC64NVME: 'rosUhgp5mIg=' }))).toBe(
      '400 BadDigest',
    );
    const [first, second] = begun.Parts;
    const reversed = { MultipartUpload: { Parts: [second, first] } };
    expect(await refusal(begun.complete(reversed))).toBe('400 InvalidPartOrder');
    const missing = { MultipartUpload: { Parts: [{ PartNumber: 7, ETag: 'x' }] } };
    expect(await refusal(begun.complete(missing))).toBe('400 InvalidPart');
    expect(await keys()).toEqual([]);
    await put('k', 'taken');
    expect(await refusal(begun.complete({ IfNoneMatch: '*' }))).toBe('412 PreconditionFailed');
    expect((await get('k')).toString()).toBe('taken');
    await begun.complete();
    expect((await begun.complete()).ETag).toMatch(/-2"$/);
    const small = await upload('small', [100, 3], { ChecksumAlgorithm: 'CRC64NVME' });
    expect(await refusal(small.complete())).toBe('400 EntityTooSmall');
  });

  test('lists parts and uploads, and forgets aborted ones', async () => {
    const { UploadId } = await upload('k', [5 * MIB, 3], {});
    const target = { Bucket, Key: 'k', UploadId };
    const parts = await client.send(new ListPartsCommand({ ...target, MaxParts: 1 }));
    expect(parts).toMatchObject({ IsTruncated: true, NextPartNumberMarker: '1' });
    const uploads = await client.send(new ListMultipartUploadsCommand({ Bucket }));
    expect(uploads.Uploads).toMatchObject([{ Key: 'k', UploadId }]);
    expect(server.unfinishedUploads(Bucket)).toBe(1);
    await client.send(new AbortMultipartUploadCommand(target));
    expect(server.unfinishedUploads(Bucket)).toBe(0);
    expect(await refusal(client.send(new ListPartsCommand(target)))).toBe('404 NoSuchUpload');
    expect(await keys()).toEqual([]);
  });
});
