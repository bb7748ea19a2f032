import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { freePort, type Service, startService, waitUntilReady } from './cluster/processes.ts';
import { toolPath } from './tools/tools.ts';

/** A released S3 server on the loopback interface, with its data in a folder of its own. */
export interface S3Service {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  createBucket(name: string): Promise<void>;
  stop(): Promise<void>;
}

const REGION = 'us-east-1';
const credentials = { accessKeyId: 'drydock', secretAccessKey: 'drydock-loopback' };

/** versitygw on a plain folder; its metadata goes to a sidecar, so that no xattrs are needed. */
export async function startVersitygw(): Promise<S3Service> {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-versitygw-'));
  const [data, sidecar] = [join(folder, 'data'), join(folder, 'sidecar')];
  await mkdir(data);
  await mkdir(sidecar);
  const address = `127.0.0.1:${await freePort()}`;
  const service = startService({
    name: 'versitygw',
    program: toolPath('versitygw'),
    args: ['--port', address, '--quiet', '--keep-alive', 'posix', '--sidecar', sidecar, data],
    logFolder: folder,
    cwd: folder,
    env: { ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey },
  });
  return await ready(service, address, folder);
}

/** moto, which verifies neither signatures nor checksums. */
export async function startMoto(): Promise<S3Service> {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-moto-'));
  const port = await freePort();
  const service = startService({
    name: 'moto',
    program: toolPath('moto'),
    args: ['-H', '127.0.0.1', '-p', `${port}`],
    logFolder: folder,
    cwd: folder,
    env: { MOTO_EC2_LOAD_DEFAULT_AMIS: 'false' },
  });
  return await ready(service, `127.0.0.1:${port}`, folder);
}

async function ready(service: Service, address: string, folder: string): Promise<S3Service> {
  const endpoint = `http://${address}`;
  const fixed = { endpoint, region: REGION, credentials, forcePathStyle: true, maxAttempts: 1 };
  const client = new S3Client(fixed);
  const stop = async (): Promise<void> => {
    client.destroy();
    await service.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await waitUntilReady(service, async () => {
      await client.send(new ListBucketsCommand({}));
      return true;
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    endpoint,
    region: REGION,
    credentials,
    createBucket: async (name) => {
      await client.send(new CreateBucketCommand({ Bucket: name }));
    },
    stop,
  };
}
