import { readFile } from 'node:fs/promises';
import type { NamedLocation } from '../../shared/config/config.ts';
import { isVaultKey } from '../../shared/config/key-reference.ts';
import { type BlobLocation, locationName, type S3Location } from '../../shared/config/location.ts';
import type { SecretSources } from '../../shared/config/secret.ts';
import { ASKING_DEFAULTS, asking } from '../../shared/snapshots/asking.ts';
import { RETRY_DEFAULTS, type Repeat, repeating } from '../../shared/stores/retrying.ts';
import { unchecked } from '../../shared/stores/setting-answers.ts';
import type { DescribeKey, StoreSettingsReader } from '../../shared/stores/settings.ts';
import type { StoreContext } from '../stores.ts';

/** Who tells the settings of a place, by the identity of the place; a folder has none. */
export async function openSettings(
  place: NamedLocation,
  context: StoreContext,
): Promise<StoreSettingsReader | undefined> {
  const { location } = place;
  const onRetry = ({ code }: { readonly code: string }, delayMs: number): void => {
    const url = locationName(location);
    context.log.log('info', 'settings asked for again', { url, code, delayMs });
  };
  const policy = { ...RETRY_DEFAULTS, random: Math.random, onRetry };
  const repeat = repeating(policy, context.clock);
  if (location.kind === 's3') return s3Settings(place, location, repeat, context);
  if (location.kind === 'azblob') return blobSettings(place, location, repeat, context);
  return undefined;
}

async function s3Settings(
  { access }: NamedLocation,
  location: S3Location,
  repeat: Repeat,
  { env }: StoreContext,
): Promise<StoreSettingsReader> {
  const { s3Client } = await import('./s3.ts');
  const { s3SettingsReader } = await import('../../shared/stores/s3-settings.ts');
  const client = await s3Client(location, access, sourcesOf(env));
  const { bucket, endpoint } = location;
  const ofKms: DescribeKey = async (id, call) => {
    const { kmsKeys } = await import('./kms.ts');
    // By whom the bucket is read.
    const { region, credentials } = client.config;
    return kmsKeys({ region: await region(), credentials })(id, call);
  };
  // Another store may call its keys what it likes: a question to AWS would be about another key.
  const ofOtherStore: DescribeKey = async (id) =>
    unchecked(`the key "${id}" is not one of AWS`, "Look at the key with the store's own tools");
  const describeKey = endpoint === undefined ? ofKms : ofOtherStore;
  return s3SettingsReader({ client, bucket, repeat, describeKey });
}

async function blobSettings(
  { access, storageAccountId: id }: NamedLocation,
  location: BlobLocation,
  repeat: Repeat,
  { env, clock }: StoreContext,
): Promise<StoreSettingsReader> {
  const { containerClient } = await import('./blob.ts');
  const { blobSettingsReader } = await import('../../shared/stores/blob-settings.ts');
  const container = await containerClient(location, access, sourcesOf(env));
  if (id === undefined) return blobSettingsReader({ container, repeat });
  const { ARM_ENDPOINT } = await import('./disks.ts');
  const { entraCredential } = await import('./identity.ts');
  const { keyVaultKeys } = await import('./key-vault.ts');
  const { armReader } = await import('../../shared/snapshots/azure-resource-manager.ts');
  const { STORAGE_API_VERSION: apiVersion } = await import(
    '../../shared/stores/azure-storage-account.ts'
  );
  const credential = await entraCredential(access.entra, env);
  const ask = asking({ ...ASKING_DEFAULTS, random: Math.random }, clock);
  const arm = armReader({ endpoint: ARM_ENDPOINT, credential, ask, clock, apiVersion });
  const ofVault = keyVaultKeys({ credential, repeat });
  const describeKey: DescribeKey = async (url, call) =>
    isVaultKey(url)
      ? ofVault(url, call)
      : unchecked(
          `the key "${url}" is in no vault of Azure`,
          'Look at the encryption of the account',
        );
  return blobSettingsReader({ container, repeat, account: { id, get: arm.get, describeKey } });
}

function sourcesOf(env: StoreContext['env']): SecretSources {
  return { env, readFile: (path) => readFile(path, 'utf8') };
}
