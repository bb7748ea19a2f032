import { S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll } from 'vitest';
import { blobStore } from '../../shared/stores/blob.ts';
import { BLOB_PULL_SIZES, blobServerCopy } from '../../shared/stores/blob-pull.ts';
import { blobPullSource } from '../../shared/stores/blob-pull-source.ts';
import { memoryStore } from '../../shared/stores/memory.ts';
import { S3_CLIENT_SETTINGS, s3Store } from '../../shared/stores/s3.ts';
import { s3ServerCopy } from '../../shared/stores/s3-pull.ts';
import { s3RangedCopy } from '../../shared/stores/s3-pull-ranges.ts';
import { s3PullSource } from '../../shared/stores/s3-pull-source.ts';
import type { ObjectReader } from '../../shared/stores/store.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { systemClock } from '../support/clock.ts';
import { startProxy } from '../support/proxy.ts';
import { blobRefusal, startPullProxy } from '../support/pull-proxy.ts';
import { startS3Server } from '../support/s3-server/server.ts';
import { type PullSubject, pullContract } from './pull-cases.ts';

const PART_BYTES = 64 * 1024;
const WRONG_KEY = Buffer.from('another key').toString('base64');
const NOBODY = 'http://127.0.0.1:9';
/** Of a presigned URL, of a SAS, and of a signed header. */
const SECRETS = [/X-Amz-Signature=\w/i, /[?&]sig=\w/, /SharedKey \w+:/];

let azurite: Azurite;
beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite?.close());

/** Acts once, before the nth time from now on that bytes move. */
function movements() {
  let total = 0;
  let due: { at: number; act: () => Promise<void> | void } | undefined;
  return {
    moves: () => total,
    onMove(at: number, act: () => Promise<void> | void): void {
      due = { at: total + at, act };
    },
    async moving(): Promise<void> {
      total += 1;
      if (due === undefined || total !== due.at) return;
      const { act } = due;
      due = undefined;
      await act();
    },
  };
}

interface ClientOptions {
  readonly secretAccessKey?: string;
  readonly endpoint?: string;
  /** Told before each request that brings bytes to the target. */
  readonly moving?: () => Promise<void>;
}

const MOVERS = new Set(['CopyObjectCommand', 'UploadPartCopyCommand', 'UploadPartCommand']);
/** The part that says what an upload is of. */
const LABEL_PART = 10_000;

async function s3Side() {
  const server = await startS3Server({ partBytesMin: PART_BYTES });
  for (const bucket of ['source', 'target']) server.createBucket(bucket);
  const { endpoint, region, credentials } = server;
  const slow = await startProxy({
    target: endpoint,
    answer: () => ({ status: 503, body: '<Error><Code>SlowDown</Code></Error>' }),
  });
  const client = (options: ClientOptions = {}): S3Client => {
    const { secretAccessKey = credentials.secretAccessKey, moving } = options;
    const built = new S3Client({
      ...S3_CLIENT_SETTINGS,
      ...{ endpoint: options.endpoint ?? endpoint, region, forcePathStyle: true },
      credentials: { ...credentials, secretAccessKey },
    });
    built.middlewareStack.add(
      (next, context) => async (args) => {
        const { PartNumber } = args.input as { PartNumber?: number };
        const moves = MOVERS.has(String(context['commandName'])) && PartNumber !== LABEL_PART;
        if (moves) await moving?.();
        return next(args);
      },
      { step: 'initialize' },
    );
    return built;
  };
  const close = async (): Promise<void> => {
    await Promise.all([slow.close(), server.close()]);
  };
  return { client, slow: slow.url, close };
}

async function s3ToBlob(): Promise<PullSubject> {
  const s3 = await s3Side();
  await azurite.container('from-s3').create();
  const move = movements();
  const proxy = await startPullProxy({ azurite, beforeRead: move.moving });
  const slow = await startPullProxy({ azurite, answer: () => blobRefusal(503, 'ServerBusy') });
  const good = s3.client();
  const source = s3Store({ client: good, bucket: 'source' });
  const sizes = { ...BLOB_PULL_SIZES, blockBytes: PART_BYTES };
  const copy = (endpoint: string, other: { accountKey?: string; signer?: S3Client } = {}) =>
    blobServerCopy({
      container: azurite.container('from-s3', { ...other, endpoint }),
      source: s3PullSource({ client: other.signer ?? good, bucket: 'source', reader: source }),
      sizes,
    });
  return {
    ...move,
    source,
    target: blobStore({ container: azurite.container('from-s3') }),
    copy: copy(proxy.endpoint),
    ...{ proof: 'crc64nvme', pieceBytes: sizes.blockBytes, smallBytes: 1, hasPieces: true },
    brokenPieces: 5,
    sourceDenied: copy(proxy.endpoint, { signer: s3.client({ secretAccessKey: 'another' }) }),
    targetDenied: copy(azurite.endpoint, { accountKey: WRONG_KEY }),
    throttled: copy(slow.endpoint),
    unreachable: copy(`${NOBODY}/${azurite.account}`),
    secrets: SECRETS,
    close: async () => {
      await Promise.all([proxy.close(), slow.close(), s3.close()]);
    },
  };
}

/** `copyBytesMax` decides between the two requests of the service. */
async function blobToBlob(copyBytesMax: number): Promise<PullSubject> {
  const [from, to] = [`source-${copyBytesMax}`, `target-${copyBytesMax}`];
  await Promise.all([from, to].map((name) => azurite.container(name).create()));
  const move = movements();
  const proxy = await startPullProxy({ azurite, beforeRead: move.moving, tellsSource: true });
  const slow = await startPullProxy({ azurite, answer: () => blobRefusal(503, 'ServerBusy') });
  const reader = blobStore({ container: azurite.container(from) });
  const copy = (endpoint: string, keys: { source?: string; target?: string } = {}) =>
    blobServerCopy({
      container: azurite.container(to, {
        ...(keys.target && { accountKey: keys.target }),
        endpoint,
      }),
      source: blobPullSource({
        container: azurite.container(from, keys.source ? { accountKey: keys.source } : {}),
        reader,
        clock: systemClock,
      }),
      sizes: { ...BLOB_PULL_SIZES, copyBytesMax },
    });
  return {
    ...move,
    source: reader,
    target: blobStore({ container: azurite.container(to) }),
    copy: copy(proxy.endpoint),
    ...{ proof: 'md5', pieceBytes: PART_BYTES, smallBytes: 1, hasPieces: false },
    sourceDenied: copy(proxy.endpoint, { source: WRONG_KEY }),
    targetDenied: copy(azurite.endpoint, { target: WRONG_KEY }),
    throttled: copy(slow.endpoint),
    unreachable: copy(`${NOBODY}/${azurite.account}`),
    secrets: SECRETS,
    close: async () => {
      await Promise.all([proxy.close(), slow.close()]);
    },
  };
}

async function s3ToS3(): Promise<PullSubject> {
  const s3 = await s3Side();
  const move = movements();
  const plain = s3.client();
  const [source, target] = ['source', 'target'].map((bucket) => s3Store({ client: plain, bucket }));
  if (source === undefined || target === undefined) throw new Error('Two stores are needed');
  const sizes = { copyBytesMax: PART_BYTES, partBytes: PART_BYTES };
  const copy = (options: ClientOptions = {}) =>
    s3ServerCopy({
      client: s3.client({ moving: move.moving, ...options }),
      ...{ bucket: 'target', store: target, source: { bucket: 'source', reader: source }, sizes },
    });
  return {
    ...{ ...move, source, target, copy: copy() },
    ...{ proof: 'crc64nvme', pieceBytes: PART_BYTES, smallBytes: 1, hasPieces: true },
    brokenPieces: 5,
    targetDenied: copy({ secretAccessKey: 'another' }),
    throttled: copy({ endpoint: s3.slow }),
    unreachable: copy({ endpoint: NOBODY }),
    secrets: SECRETS,
    close: s3.close,
  };
}

/** Where the bytes come from does not matter, and they are many: they come from memory. */
async function rangesToS3(): Promise<PullSubject> {
  const s3 = await s3Side();
  const [reads, sends] = [movements(), movements()];
  const source = memoryStore('source', systemClock);
  const watched = (reader: ObjectReader): ObjectReader => ({
    ...reader,
    read: async (key, options) => {
      await reads.moving();
      return reader.read(key, options);
    },
  });
  const denied = blobStore({ container: azurite.container('to-s3', { accountKey: WRONG_KEY }) });
  const copy = (options: ClientOptions = {}, reader: ObjectReader = source) =>
    s3RangedCopy({
      client: s3.client({ moving: sends.moving, ...options }),
      ...{ bucket: 'target', source: watched(reader), partBytes: PART_BYTES },
    });
  return {
    source,
    target: s3Store({ client: s3.client(), bucket: 'target' }),
    copy: copy(),
    ...{ moves: sends.moves, onMove: reads.onMove },
    ...{ proof: 'md5', pieceBytes: PART_BYTES, smallBytes: PART_BYTES + 1, hasPieces: true },
    brokenPieces: 3,
    sourceDenied: copy({}, denied),
    targetDenied: copy({ secretAccessKey: 'another' }),
    throttled: copy({ endpoint: s3.slow }),
    unreachable: copy({ endpoint: NOBODY }),
    secrets: SECRETS,
    close: s3.close,
  };
}

pullContract('S3 to Blob', s3ToBlob);
pullContract('Blob to Blob, copied', () => blobToBlob(BLOB_PULL_SIZES.copyBytesMax));
pullContract('Blob to Blob, by a block', () => blobToBlob(0));
pullContract('S3 to S3', s3ToS3);
pullContract('ranges to S3', rangesToS3);
