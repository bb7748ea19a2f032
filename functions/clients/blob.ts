import type { ContainerClient } from '@azure/storage-blob';
import type { Access } from '../../shared/config/config.ts';
import { type BlobLocation, locationName } from '../../shared/config/location.ts';
import { resolveSecret, type SecretSources } from '../../shared/config/secret.ts';
import { DrydockError } from '../../shared/model/errors.ts';
import { entraCredential } from './identity.ts';

/**
 * A client for the container of `location`. It never repeats a request by itself: that is the
 * `retrying` wrapper's work alone.
 */
export async function containerClient(
  location: BlobLocation,
  access: Access,
  sources: SecretSources,
): Promise<ContainerClient> {
  const { ContainerClient, StorageSharedKeyCredential } = await import('@azure/storage-blob');
  const { blobClientSettings } = await import('../../shared/stores/blob-client.ts');
  const endpoint = location.endpoint ?? `https://${location.account}.blob.core.windows.net`;
  const url = `${endpoint}/${location.container}`;
  const key = await accountKey(location, access, sources);
  if (key === undefined && endpoint.startsWith('http:')) throw withoutKey(location);
  const credential =
    key === undefined
      ? await entraCredential(access.entra, sources.env)
      : new StorageSharedKeyCredential(location.account, key);
  return new ContainerClient(url, credential, blobClientSettings(endpoint));
}

function withoutKey(location: BlobLocation): DrydockError {
  const name = locationName(location);
  const message = `Cannot use "${name}" without a key: tokens are not sent over plain http`;
  return new DrydockError('usage', 'CREDENTIALS_MISSING', message, {
    hint: 'Set AZURE_STORAGE_KEY, or "accountKey" of the location; or use an https endpoint',
  });
}

/**
 * The key of an emulator's account, from the configuration or, with a URL alone, from the variable
 * that the Azure command line reads too. Azure itself is never opened by a key (S12).
 */
async function accountKey(
  location: BlobLocation,
  access: Access,
  sources: SecretSources,
): Promise<string | undefined> {
  if (access.accountKey !== undefined) return resolveSecret(access.accountKey, sources);
  return location.endpoint === undefined ? undefined : sources.env['AZURE_STORAGE_KEY'];
}
