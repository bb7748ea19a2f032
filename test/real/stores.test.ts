import { ListMultipartUploadsCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { S3_CLIENT_SETTINGS, s3Store } from '../../shared/stores/s3.ts';
import type { S3ChecksumMode } from '../../shared/stores/s3-upload.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import {
  type ContractException,
  type ContractSubject,
  objectStoreContract,
} from '../contract/object-store.ts';
import { type ProxyAnswer, startProxy } from '../support/proxy.ts';
import { type S3Service, startMoto, startVersitygw } from './s3-services.ts';

const bucket = 'contract';

/** As documented in "Error responses" of the S3 API reference. */
function documented(status: number, code: string): ProxyAnswer {
  const headers = { 'content-type': 'application/xml' };
  return { status, headers, body: `<Error><Code>${code}</Code></Error>` };
}

async function subject(
  start: () => Promise<S3Service>,
  checksums: S3ChecksumMode,
): Promise<ContractSubject> {
  const service = await start();
  await service.createBucket(bucket);
  const { endpoint, region, credentials } = service;
  // Neither server throttles nor archives: the documented answers come from a proxy before them.
  const slow = await startProxy({ target: endpoint, answer: () => documented(503, 'SlowDown') });
  const cold = await startProxy({
    target: endpoint,
    answer: ({ method }) => (method === 'GET' ? documented(403, 'InvalidObjectState') : undefined),
  });
  const clients: S3Client[] = [];
  const connect = (config: S3ClientConfig): S3Client => {
    const fixed = { ...S3_CLIENT_SETTINGS, endpoint, region, credentials, forcePathStyle: true };
    const client = new S3Client({ ...fixed, ...config });
    clients.push(client);
    return client;
  };
  const open = (config: S3ClientConfig = {}, name = bucket): ObjectStore =>
    s3Store({ client: connect(config), bucket: name, checksums });
  const admin = connect({});
  return {
    store: open(),
    // moto asks nobody for credentials.
    ...(start === startVersitygw && {
      denied: open({ credentials: { ...credentials, secretAccessKey: 'another' } }),
    }),
    bucketAbsent: open({}, 'no-such-bucket'),
    unreachable: open({ endpoint: 'http://127.0.0.1:9' }),
    throttled: open({ endpoint: slow.url }),
    archived: open({ endpoint: cold.url }),
    unfinishedUploads: async () => {
      const answer = await admin.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      return answer.Uploads?.length ?? 0;
    },
    close: async () => {
      for (const client of clients) client.destroy();
      await slow.close();
      await cold.close();
      await service.stop();
    },
  };
}

// versitygw 1.7.0 looks at the conditions before it reads the body and replaces the file without
// looking again, so that several of 20 racers win now and then. moto is the judge of races.
const RACES: readonly ContractException[] = [
  '20 racing creators have one winner',
  '20 racing replacers of one version have one winner',
].map((test) => ({ test, reason: 'versitygw on a folder does not decide conditions atomically' }));
const NO_SIGNATURES: ContractException = {
  test: 'denied is denied for every call, never absent',
  reason: 'moto verifies no signature and asks nobody for credentials',
};
const NO_CHECKSUMS: readonly ContractException[] = [
  'hold an object of several parts, streamed in odd pieces',
  'vouch in stat() and read() for the checksum that the store declares',
].map((test) => ({ test, reason: 'moto keeps no CRC64NVME of a whole object' }));

objectStoreContract('s3 (versitygw)', () => subject(startVersitygw, 'crc64nvme'), RACES);
objectStoreContract(
  's3 without checksums (versitygw)',
  () => subject(startVersitygw, 'none'),
  RACES,
);
objectStoreContract('s3 (moto)', () => subject(startMoto, 'crc64nvme'), [
  NO_SIGNATURES,
  ...NO_CHECKSUMS,
]);
objectStoreContract('s3 without checksums (moto)', () => subject(startMoto, 'none'), [
  NO_SIGNATURES,
]);

describe('versitygw', () => {
  test('answers an unknown access key by 404, which still proves nothing absent', async () => {
    const service = await startVersitygw();
    try {
      await service.createBucket(bucket);
      const { endpoint, region } = service;
      const credentials = { ...service.credentials, accessKeyId: 'nobody' };
      const fixed = { ...S3_CLIENT_SETTINGS, endpoint, region, credentials, forcePathStyle: true };
      const store = s3Store({ client: new S3Client(fixed), bucket });
      await expect(store.stat('key')).rejects.toMatchObject({ code: 'bucket_not_found' });
      await expect(store.read('key')).rejects.toMatchObject({ code: 'denied' });
      await expect(Array.fromAsync(store.list(''))).rejects.toMatchObject({ code: 'denied' });
    } finally {
      await service.stop();
    }
  });
});
