import { mkdir } from 'node:fs/promises';
import { freePort, type Service, startService, waitUntilReady } from './processes.ts';

/** A versitygw of its own: an S3 endpoint over plain folders, one per bucket. */
export interface ObjectStore {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The folder that holds the buckets. */
  readonly bucketsFolder: string;
  readonly service: Service;
}

const ACCESS_KEY_ID = 'test';
const SECRET_ACCESS_KEY = 'testtest';

/**
 * Starts versitygw on a free loopback port over `<folder>/buckets`, with metadata in
 * `<folder>/sidecar` so that any file system serves.
 */
export async function startObjectStore(
  program: string,
  folder: string,
  buckets: readonly string[],
): Promise<ObjectStore> {
  const bucketsFolder = `${folder}/buckets`;
  const sidecar = `${folder}/sidecar`;
  for (const bucket of buckets) await mkdir(`${bucketsFolder}/${bucket}`, { recursive: true });
  await mkdir(sidecar, { recursive: true });
  const port = await freePort();
  const service = startService({
    name: 'versitygw',
    program,
    args: ['--port', `127.0.0.1:${port}`, 'posix', '--sidecar', sidecar, bucketsFolder],
    logFolder: folder,
    cwd: folder,
    env: {
      HOME: folder,
      PATH: '/usr/bin:/bin',
      ROOT_ACCESS_KEY: ACCESS_KEY_ID,
      ROOT_SECRET_KEY: SECRET_ACCESS_KEY,
    },
  });
  const endpoint = `http://127.0.0.1:${port}`;
  await waitUntilReady(service, async () => (await fetch(endpoint)).status === 403);
  return {
    endpoint,
    accessKeyId: ACCESS_KEY_ID,
    secretAccessKey: SECRET_ACCESS_KEY,
    bucketsFolder,
    service,
  };
}
