import { S3Client } from '@aws-sdk/client-s3';
import { blobStore } from '../../shared/stores/blob.ts';
import { BLOB_PULL_SIZES, blobServerCopy } from '../../shared/stores/blob-pull.ts';
import { blobPullSource } from '../../shared/stores/blob-pull-source.ts';
import { S3_CLIENT_SETTINGS, s3Store } from '../../shared/stores/s3.ts';
import { s3PullSource } from '../../shared/stores/s3-pull-source.ts';
import { startAzurite } from '../support/azurite.ts';
import { systemClock } from '../support/clock.ts';
import { blobRefusal, startPullProxy } from '../support/pull-proxy.ts';
import { startS3Server } from '../support/s3-server/server.ts';
import { type PullSubject, pullContract } from './pull-cases.ts';

const MEBIBYTE = 1024 * 1024;
const WRONG_KEY = Buffer.from('another key').toString('base64');
const NOBODY = 'http://127.0.0.1:9';
/** Of a presigned URL, of a SAS, and of a signed header. */
const SECRETS = [/X-Amz-Signature=\w/i, /[?&]sig=\w/, /SharedKey \w+:/];

/** Acts once, before the nth request from now on that moves bytes. */
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

async function s3Side() {
  const server = await startS3Server();
  for (const bucket of ['source', 'target']) server.createBucket(bucket);
  const { endpoint, region, credentials } = server;
  const client = (secretAccessKey = credentials.secretAccessKey, at = endpoint): S3Client =>
    new S3Client({
      ...S3_CLIENT_SETTINGS,
      ...{ endpoint: at, region, forcePathStyle: true },
      credentials: { ...credentials, secretAccessKey },
    });
  return { server, client };
}

async function s3ToBlob(): Promise<PullSubject> {
  const [azurite, { server, client }] = await Promise.all([startAzurite(), s3Side()]);
  await azurite.container('target').create();
  const move = movements();
  const proxy = await startPullProxy({ azurite, beforeRead: move.moving });
  const slow = await startPullProxy({ azurite, answer: () => blobRefusal(503, 'ServerBusy') });
  const good = client();
  const source = s3Store({ client: good, bucket: 'source' });
  const sizes = { ...BLOB_PULL_SIZES, blockBytes: MEBIBYTE };
  const copy = (endpoint: string, other: { accountKey?: string; signer?: S3Client } = {}) =>
    blobServerCopy({
      container: azurite.container('target', { ...other, endpoint }),
      source: s3PullSource({ client: other.signer ?? good, bucket: 'source', reader: source }),
      sizes,
    });
  return {
    ...move,
    source,
    target: blobStore({ container: azurite.container('target') }),
    copy: copy(proxy.endpoint),
    ...{ proof: 'crc64nvme', pieceBytes: sizes.blockBytes, hasPieces: true },
    sourceDenied: copy(proxy.endpoint, { signer: client('another') }),
    targetDenied: copy(azurite.endpoint, { accountKey: WRONG_KEY }),
    throttled: copy(slow.endpoint),
    unreachable: copy(`${NOBODY}/${azurite.account}`),
    secrets: SECRETS,
    close: async () => {
      await Promise.all([proxy.close(), slow.close(), server.close(), azurite.close()]);
    },
  };
}

/** `copyBytesMax` decides between the two requests of the service. */
async function blobToBlob(copyBytesMax: number): Promise<PullSubject> {
  const [azurite, other] = await Promise.all([startAzurite(), startAzurite()]);
  await Promise.all([azurite.container('target').create(), other.container('source').create()]);
  const move = movements();
  const proxy = await startPullProxy({ azurite, beforeRead: move.moving, tellsSource: true });
  const slow = await startPullProxy({ azurite, answer: () => blobRefusal(503, 'ServerBusy') });
  const reader = blobStore({ container: other.container('source') });
  const copy = (endpoint: string, keys: { source?: string; target?: string } = {}) =>
    blobServerCopy({
      container: azurite.container('target', {
        ...(keys.target && { accountKey: keys.target }),
        endpoint,
      }),
      source: blobPullSource({
        container: other.container('source', keys.source ? { accountKey: keys.source } : {}),
        reader,
        clock: systemClock,
      }),
      sizes: { ...BLOB_PULL_SIZES, copyBytesMax },
    });
  return {
    ...move,
    source: reader,
    target: blobStore({ container: azurite.container('target') }),
    copy: copy(proxy.endpoint),
    ...{ proof: 'md5', pieceBytes: MEBIBYTE, hasPieces: false },
    sourceDenied: copy(proxy.endpoint, { source: WRONG_KEY }),
    targetDenied: copy(azurite.endpoint, { target: WRONG_KEY }),
    throttled: copy(slow.endpoint),
    unreachable: copy(`${NOBODY}/${azurite.account}`),
    secrets: SECRETS,
    close: async () => {
      await Promise.all([proxy.close(), slow.close(), other.close(), azurite.close()]);
    },
  };
}

pullContract('S3 to Blob', s3ToBlob);
pullContract('Blob to Blob, copied', () => blobToBlob(BLOB_PULL_SIZES.copyBytesMax));
pullContract('Blob to Blob, by a block', () => blobToBlob(0));
