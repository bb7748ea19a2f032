import { createHash } from 'node:crypto';
import {
  type CommonPrefix,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  type S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { checkKey, compareKeys, shownKey } from './keys.ts';
import { type S3Attempt, s3KeyError, translateS3Error } from './s3-errors.ts';
import {
  isOtherClass,
  objectInfo,
  quoted,
  type SendOptions,
  sendOptions,
  unquoted,
} from './s3-objects.ts';
import { askForChecksums } from './s3-read.ts';
import { type S3ChecksumMode, writeS3Object } from './s3-upload.ts';
import type {
  CallOptions,
  ListOptions,
  ObjectContent,
  ObjectInfo,
  ObjectStore,
  ReadOptions,
  RemoveFailure,
  RemoveOptions,
  ReplayableBody,
  StoreCapabilities,
  WriteOptions,
} from './store.ts';
import { isStoreError, StoreError } from './store-error.ts';
import { expectedSize, rangeError, received, wholeSize } from './transfer.ts';

export interface S3StoreOptions {
  /** Built with `S3_CLIENT_SETTINGS`. */
  readonly client: S3Client;
  readonly bucket: string;
  /** `'none'` for S3-compatible endpoints that refuse S3's checksum headers: Content-MD5 instead. */
  readonly checksums?: S3ChecksumMode | undefined;
}

/**
 * What the store expects of its client: it is asked once (`retrying` repeats), adds no checksum of
 * its own choice and wraps no body, and does not wait for `100 Continue`, for which the SDK opens
 * a connection per request.
 */
export const S3_CLIENT_SETTINGS = {
  maxAttempts: 1,
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
  expectContinueHeader: false,
} as const satisfies S3ClientConfig;

const KEYS_PER_DELETE_MAX = 1000;

/** A bucket of S3, or of a server that speaks its protocol. */
export function s3Store({ client, bucket, checksums }: S3StoreOptions): ObjectStore {
  const store = new S3Bucket(client, bucket, checksums ?? 'crc64nvme');
  // A plain object, as all stores are: tests and wrappers take it apart.
  return {
    url: store.url,
    capabilities: store.capabilities,
    list: (prefix, options) => store.list(prefix, options),
    listDirectories: (prefix, options) => store.listDirectories(prefix, options),
    stat: (key, options) => store.stat(key, options),
    read: (key, options) => store.read(key, options),
    write: (key, body, options) => store.write(key, body, options),
    remove: (key, options) => store.remove(key, options),
    removeMany: (keys, options) => store.removeMany(keys, options),
  };
}

class S3Bucket implements ObjectStore {
  readonly url: string;
  readonly capabilities: StoreCapabilities;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #checksums: S3ChecksumMode;
  /** Whether some answer has proven that there is such a bucket. */
  #bucketSeen = false;

  constructor(client: S3Client, bucket: string, checksums: S3ChecksumMode) {
    this.url = `s3://${bucket}`;
    this.#client = client;
    this.#bucket = bucket;
    this.#checksums = checksums;
    this.capabilities = {
      conditionalWrite: true,
      conditionalDelete: true,
      sourceEtagKept: true,
      sourceTimeListed: false,
      sourceStampListed: false,
      checksum: checksums === 'none' ? undefined : 'crc64nvme',
      pullFromUrl: false,
    };
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    let previous: string | undefined;
    for await (const page of this.#pages(prefix, options)) {
      const decode = decoder(page);
      for (const { Key, Size, ETag, LastModified, StorageClass } of page.Contents ?? []) {
        const key = decode(Key ?? '');
        if (previous !== undefined && compareKeys(previous, key) >= 0) {
          const message = `Cannot list "${this.#shown(prefix)}": it is not in the order of its keys`;
          throw new StoreError('unsupported', message);
        }
        previous = key;
        yield {
          key,
          sizeBytes: Size ?? 0,
          etag: unquoted(ETag ?? ''),
          lastModified: LastModified ?? new Date(0),
          ...(isOtherClass(StorageClass) && { storageClass: StorageClass }),
        };
      }
    }
  }

  async *listDirectories(prefix: string, options: CallOptions = {}): AsyncGenerator<string> {
    for await (const page of this.#pages(prefix, options, '/')) {
      const decode = decoder(page);
      const names = (page.CommonPrefixes ?? []).map(({ Prefix }: CommonPrefix) =>
        decode(Prefix ?? '').slice(prefix.length),
      );
      yield* names;
    }
  }

  async stat(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    checkKey(this.url, key);
    const command = new HeadObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      ...(this.#checksums !== 'none' && { ChecksumMode: 'ENABLED' }),
    });
    try {
      const output = await this.#sent(
        { verb: 'look at', url: this.#shown(key), signal: options.signal },
        (how) => this.#client.send(command, how),
      );
      return objectInfo(this.#shown(key), key, output, output.ContentLength);
    } catch (error) {
      if (!isStoreError(error, 'not_found')) throw error;
      await this.#proveBucket(options);
      return undefined;
    }
  }

  async read(key: string, options: ReadOptions = {}): Promise<ObjectContent> {
    checkKey(this.url, key);
    const { range, ifMatch, signal } = options;
    const attempt = { verb: 'read', url: this.#shown(key), signal };
    if (range !== undefined && range.lengthBytes < 1) throw rangeError(attempt.url, range);
    const command = new GetObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      ...(ifMatch !== undefined && { IfMatch: quoted(ifMatch) }),
      ...(range && {
        Range: `bytes=${range.offsetBytes}-${range.offsetBytes + range.lengthBytes - 1}`,
      }),
    });
    // Of a range S3 may tell the checksum of one part, which would pass for that of the object.
    if (this.#checksums !== 'none' && range === undefined) askForChecksums(command);
    const output = await this.#sent(attempt, (how) => this.#client.send(command, how));
    const body = output.Body as (AsyncIterable<Uint8Array> & { destroy(): void }) | undefined;
    try {
      const info = objectInfo(
        attempt.url,
        key,
        output,
        wholeSize(output.ContentRange, output.ContentLength),
      );
      const sizeBytes = expectedSize(attempt.url, output.ContentLength, info, options);
      const translate = (error: unknown): unknown => translateS3Error(error, attempt);
      return { info, body: received(attempt.url, body, sizeBytes, signal, translate) };
    } catch (error) {
      body?.destroy();
      throw error;
    }
  }

  async write(key: string, body: ReplayableBody, options: WriteOptions): Promise<ObjectInfo> {
    checkKey(this.url, key);
    options.signal?.throwIfAborted();
    const target = {
      client: this.#client,
      bucket: this.#bucket,
      checksums: this.#checksums,
      url: this.#shown(key),
    };
    const info = await writeS3Object(target, key, body, options);
    this.#bucketSeen = true;
    if (!Number.isNaN(info.lastModified.getTime())) return info;
    // An endpoint that answers without a date has to be asked for it.
    return (await this.stat(key, options)) ?? info;
  }

  async remove(key: string, options: RemoveOptions = {}): Promise<void> {
    checkKey(this.url, key);
    const { ifMatch, signal } = options;
    const command = new DeleteObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      ...(ifMatch !== undefined && { IfMatch: quoted(ifMatch) }),
    });
    try {
      await this.#sent({ verb: 'remove', url: this.#shown(key), signal }, (how) =>
        this.#client.send(command, how),
      );
    } catch (error) {
      if (!isStoreError(error, 'not_found')) throw error;
    }
  }

  async removeMany(
    keys: readonly string[],
    options: CallOptions = {},
  ): Promise<readonly RemoveFailure[]> {
    options.signal?.throwIfAborted();
    const failures: RemoveFailure[] = [];
    let failedBatches = 0;
    let first: unknown;
    for (let at = 0; at < keys.length; at += KEYS_PER_DELETE_MAX) {
      const batch = keys.slice(at, at + KEYS_PER_DELETE_MAX);
      try {
        failures.push(...(await this.#removeBatch(batch, options)));
      } catch (error) {
        if (options.signal?.aborted || !(error instanceof StoreError)) throw error;
        first ??= error;
        failedBatches += 1;
        failures.push(...batch.map((key) => ({ key, error })));
      }
    }
    if (failedBatches > 0 && failedBatches * KEYS_PER_DELETE_MAX >= keys.length) throw first;
    return failures;
  }

  async #removeBatch(keys: readonly string[], options: CallOptions): Promise<RemoveFailure[]> {
    const Objects = keys.map((Key) => ({ Key }));
    const command = new DeleteObjectsCommand({
      Bucket: this.#bucket,
      Delete: { Objects, Quiet: true },
      ...(this.#checksums !== 'none' && { ChecksumAlgorithm: 'CRC64NVME' }),
    });
    if (this.#checksums === 'none') guardByMd5(command);
    const attempt = { verb: 'remove', url: this.url, signal: options.signal };
    const { Errors = [] } = await this.#sent(attempt, (how) => this.#client.send(command, how));
    return Errors.filter(({ Code }) => Code !== 'NoSuchKey').map(({ Key = '', Code, Message }) => ({
      key: Key,
      error: s3KeyError(Code, Message, { verb: 'remove', url: this.#shown(Key) }),
    }));
  }

  async *#pages(
    prefix: string,
    { startAfter, signal }: ListOptions,
    delimiter?: string,
  ): AsyncGenerator<ListObjectsV2CommandOutput> {
    const attempt = { verb: 'list', url: this.#shown(prefix), signal };
    let token: string | undefined;
    for (;;) {
      signal?.throwIfAborted();
      const command = new ListObjectsV2Command({
        Bucket: this.#bucket,
        Prefix: prefix,
        // XML cannot carry every character that a key may hold.
        EncodingType: 'url',
        ...(delimiter !== undefined && { Delimiter: delimiter }),
        ...(startAfter !== undefined && { StartAfter: startAfter }),
        ...(token !== undefined && { ContinuationToken: token }),
      });
      const page = await this.#sent(attempt, (how) => this.#client.send(command, how));
      if (page.IsTruncated === undefined) {
        const message = `Cannot list "${attempt.url}": the answer is no listing of an object store`;
        throw new StoreError('unsupported', message);
      }
      yield page;
      if (!page.IsTruncated) return;
      if (page.NextContinuationToken === undefined || page.NextContinuationToken === token) {
        const message = `Cannot list "${attempt.url}": it goes on, but the store does not say where`;
        throw new StoreError('unsupported', message);
      }
      token = page.NextContinuationToken;
    }
  }

  /** HEAD answers an absent bucket and an absent object alike; asked once per store at most. */
  async #proveBucket(options: CallOptions): Promise<void> {
    if (this.#bucketSeen) return;
    try {
      await this.#sent({ verb: 'look at', url: this.url, signal: options.signal }, (how) =>
        this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket }), how),
      );
    } catch (error) {
      if (isStoreError(error, 'not_found', 'bucket_not_found')) {
        const message = `Cannot look into "${this.url}": there is no such bucket`;
        throw new StoreError('bucket_not_found', message, { cause: error });
      }
      // Who may not ask about the bucket was told about the object all the same.
      if (!isStoreError(error, 'denied')) throw error;
    }
  }

  async #sent<T>(attempt: S3Attempt, send: (options: SendOptions) => Promise<T>): Promise<T> {
    try {
      attempt.signal?.throwIfAborted();
      const output = await send(sendOptions(attempt.signal));
      this.#bucketSeen = true;
      return output;
    } catch (error) {
      throw translateS3Error(error, attempt);
    }
  }

  #shown(key: string): string {
    return `${this.url}/${shownKey(key)}`;
  }
}

/** `encoding-type=url` writes a space as `+`; a server that ignores the wish says so by silence. */
function decoder(page: ListObjectsV2CommandOutput): (value: string) => string {
  if (page.EncodingType !== 'url') return (value) => value;
  return (value) => decodeURIComponent(value.replaceAll('+', ' '));
}

/** DeleteObjects must carry a checksum; where only MD5 is known the SDK has no setting for it. */
function guardByMd5(command: DeleteObjectsCommand): void {
  command.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as { headers: Record<string, string>; body: string };
      for (const name of Object.keys(request.headers)) {
        if (/^x-amz-(sdk-)?checksum-/i.test(name)) delete request.headers[name];
      }
      request.headers['content-md5'] = createHash('md5').update(request.body).digest('base64');
      return next(args);
    },
    { step: 'build', priority: 'low' },
  );
}
