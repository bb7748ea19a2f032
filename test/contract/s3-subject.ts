import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { S3_CLIENT_SETTINGS, s3Store } from '../../shared/stores/s3.ts';
import type { S3ChecksumMode } from '../../shared/stores/s3-upload.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { type FaultHook, startS3Server } from '../support/s3-server/server.ts';
import type { ContractSubject } from './object-store.ts';

const SLOW_DOWN: FaultHook = () => ({ answer: { status: 503, code: 'SlowDown' } });
const ARCHIVED: FaultHook = ({ method }) =>
  method === 'GET' ? { answer: { status: 403, code: 'InvalidObjectState' } } : undefined;

const FAULTS: Readonly<Record<string, FaultHook>> = { throttled: SLOW_DOWN, archived: ARCHIVED };

/** The embedded server. */
export async function s3Subject(checksums: S3ChecksumMode): Promise<ContractSubject> {
  const server = await startS3Server();
  server.createBucket('contract');
  // A client names the fault that its requests are to meet, so that no other one meets it.
  server.setFault((request) => {
    const name = /fault-(\w+)/.exec(request.headers['user-agent'] ?? '')?.[1];
    return name === undefined ? undefined : FAULTS[name]?.(request);
  });
  const { endpoint, region, credentials } = server;
  const open = (bucket: string, config: S3ClientConfig = {}): ObjectStore => {
    const fixed = { ...S3_CLIENT_SETTINGS, endpoint, region, credentials, forcePathStyle: true };
    return s3Store({ client: new S3Client({ ...fixed, ...config }), bucket, checksums });
  };
  return {
    store: open('contract'),
    denied: open('contract', { credentials: { ...credentials, secretAccessKey: 'another' } }),
    bucketAbsent: open('no-such-bucket'),
    unreachable: open('contract', { endpoint: 'http://127.0.0.1:9' }),
    throttled: open('contract', { customUserAgent: 'fault-throttled' }),
    archived: open('contract', { customUserAgent: 'fault-archived' }),
    unfinishedUploads: async () => server.unfinishedUploads('contract'),
    close: () => server.close(),
  };
}
