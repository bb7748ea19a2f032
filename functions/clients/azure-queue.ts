import { QueueClient, StorageSharedKeyCredential } from '@azure/storage-queue';
import { DrydockError } from '../../shared/model/errors.ts';
import { azureStorageQueue } from '../../shared/queues/azure-storage-queue.ts';
import type { WorkQueue } from '../../shared/queues/work-queue.ts';
import { blobClientSettings } from '../../shared/stores/blob-client.ts';
import { entraCredential } from './identity.ts';

const TRIES_MAX = 3;
/** Silence for this long on a connection is a broken connection; the SDK would wait for ever. */
const SILENCE_MS = 20_000;

/**
 * A queue of a storage account, by this process's identity. Tokens are not sent over plain http:
 * that is an emulator, and has a key (S12).
 */
export async function openAzureQueue(
  url: string,
  account: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<WorkQueue> {
  const isEmulator = url.startsWith('http:');
  const key = env['AZURE_STORAGE_KEY'];
  if (isEmulator && key === undefined) {
    throw new DrydockError('usage', 'CREDENTIALS_MISSING', `Cannot use "${url}" without a key`, {
      hint: 'Set AZURE_STORAGE_KEY, or use an https URL',
    });
  }
  const credential =
    isEmulator && key !== undefined
      ? new StorageSharedKeyCredential(account, key)
      : await entraCredential(undefined, env);
  const client = new QueueClient(url, credential, {
    ...blobClientSettings(url, SILENCE_MS),
    retryOptions: { maxTries: TRIES_MAX },
  });
  return azureStorageQueue(client);
}
