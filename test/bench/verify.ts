import { createHash } from 'node:crypto';
import type { ContainerClient } from '@azure/storage-blob';
import { forEachLimited } from '../../shared/model/limited.ts';
import type { FilledWorkload } from './workloads.ts';

/**
 * Throws unless the container holds every pack in its size, and the repository's format blob.
 * With `bytes` each of them is read and hashed; what the listing says of MD5 may be the client's
 * own word.
 */
export async function verify(
  workload: FilledWorkload,
  container: ContainerClient,
  bytes: boolean,
): Promise<void> {
  const missing = new Map(workload.packs);
  let opens = false;
  const found: string[] = [];
  for await (const { name, properties } of container.listBlobsFlat()) {
    if (name === 'kopia.repository') opens = true;
    if (!missing.delete(name)) continue;
    found.push(name);
    if (properties.contentLength === workload.objectSizeBytes) continue;
    throw new Error(`"${name}" has ${properties.contentLength} bytes`);
  }
  if (missing.size > 0 || !opens) {
    const format = opens ? 'there' : 'missing';
    throw new Error(`${missing.size} packs are missing, kopia.repository is ${format}`);
  }
  if (!bytes) return;
  const limits = { concurrency: 8, weightMax: 64 * 1024 * 1024 };
  const weigh = (): number => workload.objectSizeBytes;
  await forEachLimited(found, limits, weigh, async (name) => {
    const content = await container.getBlobClient(name).downloadToBuffer();
    const md5 = createHash('md5').update(content).digest('hex');
    if (md5 !== workload.packs.get(name)) throw new Error(`"${name}" has other bytes`);
  });
}
