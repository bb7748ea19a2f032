import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { S3Client } from '@aws-sdk/client-s3';
import { toolPath } from '../real/tools/tools.ts';

export const ACCESS_KEY = 'bench';
export const SECRET_KEY = 'bench-secret';
export const REGION = 'us-east-1';

/** A versitygw that keeps its buckets as plain files below a folder. */
export interface SourceServer {
  readonly endpoint: string;
  readonly client: S3Client;
  /** Removes a bucket and all that is in it. */
  drop(bucket: string): Promise<void>;
  close(): Promise<void>;
}

const START_MS_MAX = 15_000;

export async function startSource(folder: string): Promise<SourceServer> {
  // The one's name must not begin with the other's: versitygw takes that for nesting.
  const [data, sidecar] = [join(folder, 's3'), join(folder, 'attributes')];
  await mkdir(data);
  await mkdir(sidecar);
  const port = await freePort();
  const child = spawn(
    toolPath('versitygw'),
    ['--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet', 'posix', '--sidecar', sidecar, data],
    {
      env: { ROOT_ACCESS_KEY: ACCESS_KEY, ROOT_SECRET_KEY: SECRET_KEY },
      stdio: 'ignore',
    },
  );
  const endpoint = `http://127.0.0.1:${port}`;
  const client = new S3Client({
    endpoint,
    region: REGION,
    forcePathStyle: true,
    credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY },
  });
  const drop = async (bucket: string): Promise<void> => {
    for (const place of [data, sidecar]) {
      await rm(join(place, bucket), { recursive: true, force: true });
    }
  };
  const close = async (): Promise<void> => {
    client.destroy();
    await ended(child);
    await rm(data, { recursive: true, force: true });
  };
  try {
    await answering(endpoint, child);
    return { endpoint, client, drop, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function answering(endpoint: string, child: ChildProcess): Promise<void> {
  const end = performance.now() + START_MS_MAX;
  while (performance.now() < end && child.exitCode === null) {
    const answer = await fetch(endpoint).catch(() => undefined);
    if (answer !== undefined) return;
    await sleep(50);
  }
  throw new Error(`cannot start versitygw: exit code ${child.exitCode}`);
}

/** A port that was free a moment ago: versitygw does not tell which one it was given. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exit;
}
