import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import {
  blobService,
  encryptionKeyUrl,
  lifecycleRules,
  retentionDays,
} from './azure-storage-account.ts';
import { blobClientSettings } from './blob-client.ts';
import { translateBlobError } from './blob-errors.ts';
import type { Repeat } from './retrying.ts';
import { askSetting, unchecked } from './setting-answers.ts';
import type {
  DescribeKey,
  EncryptionKey,
  LifecycleRule,
  Setting,
  StoreSettings,
  StoreSettingsReader,
  UncheckedSetting,
} from './settings.ts';
import type { CallOptions } from './store.ts';

export interface BlobSettingsOptions {
  readonly container: ContainerClient;
  readonly repeat: Repeat;
  /** Absent when nobody said where in Azure the account is: the service tells few settings itself. */
  readonly account?: StorageAccount;
}

export interface StorageAccount {
  /** `/subscriptions/<s>/resourceGroups/<g>/providers/Microsoft.Storage/storageAccounts/<a>`. */
  readonly id: string;
  /**
   * Reads Resource Manager, with `STORAGE_API_VERSION`.
   * @returns `undefined` when the resource is proven absent
   * @throws DrydockError
   */
  get(path: string, options: CallOptions): Promise<unknown>;
  readonly describeKey: DescribeKey;
}

/** Two requests to the service and three to Resource Manager; each answer stands on its own. */
export function blobSettingsReader(options: BlobSettingsOptions): StoreSettingsReader {
  return {
    async read(call = {}): Promise<StoreSettings> {
      const [softDeleteDays, immutability, ofAccount] = await Promise.all([
        softDeleteOf(options, call),
        immutabilityOf(options, call),
        accountSettings(options, call),
      ]);
      const { service, ...others } = ofAccount;
      const versioning = mapped(service, (told) => told.versioning);
      const bySecond = mapped(service, (told) => told.softDeleteDays);
      return {
        ...others,
        archiveTiering: { outcome: 'told', value: [] },
        versioning,
        // The role that lets blobs be read does not let the service be looked at.
        softDeleteDays: softDeleteDays.outcome === 'told' ? softDeleteDays : bySecond,
        immutability,
      };
    },
  };
}

function softDeleteOf(options: BlobSettingsOptions, call: CallOptions): Promise<Setting<number>> {
  const { url, credential } = options.container;
  const account = url.slice(0, url.lastIndexOf('/'));
  const service = new BlobServiceClient(account, credential, blobClientSettings(account));
  const question: Question<number> = {
    right: 'Microsoft.Storage/storageAccounts/blobServices/read on the storage account',
    verb: 'read the settings of',
    url: account,
    send: async (abort) =>
      retentionDays((await service.getProperties(abort)).deleteRetentionPolicy),
  };
  return ask(options, question, call);
}

function immutabilityOf(
  options: BlobSettingsOptions,
  call: CallOptions,
): Promise<Setting<boolean>> {
  const { container } = options;
  const question: Question<boolean> = {
    right: '"Storage Blob Data Reader" on the container',
    verb: 'read the retention of',
    url: container.url,
    async send(abort) {
      const { hasImmutabilityPolicy, hasLegalHold } = await container.getProperties(abort);
      return hasImmutabilityPolicy === true || hasLegalHold === true;
    },
  };
  return ask(options, question, call);
}

interface Question<T> {
  /** What it takes, as it follows "Grant". */
  readonly right: string;
  /** As it follows "Cannot": part of messages. */
  readonly verb: string;
  readonly url: string;
  send(options: { abortSignal?: AbortSignal }): Promise<T>;
}

function ask<T>(
  { repeat }: BlobSettingsOptions,
  { right, verb, url, send }: Question<T>,
  call: CallOptions,
): Promise<Setting<T>> {
  const { signal } = call;
  const once = () =>
    send(signal === undefined ? {} : { abortSignal: signal }).catch((error: unknown) => {
      throw translateBlobError(error, { verb, url, signal });
    });
  return askSetting(right, () => repeat(once, call), call);
}

interface AccountSettings extends Pick<StoreSettings, 'lifecycle' | 'encryptionKey'> {
  readonly service: Setting<ReturnType<typeof blobService>>;
}

const NOT_NAMED = unchecked(
  'only Azure Resource Manager tells it',
  'Set "storageAccountId" of the location: "az storage account show --name <account> --query id"',
);

async function accountSettings(
  { container, account }: BlobSettingsOptions,
  call: CallOptions,
): Promise<AccountSettings> {
  if (account === undefined) {
    return { lifecycle: NOT_NAMED, encryptionKey: NOT_NAMED, service: NOT_NAMED };
  }
  const { id, describeKey } = account;
  const get = (below: string, action: string): Promise<Setting<unknown>> => {
    const right = `"Reader", or Microsoft.Storage/storageAccounts/${action}, on ${id}`;
    return askSetting(right, () => account.get(`${id}${below}`, call), call);
  };
  const [itself, service, policy] = await Promise.all([
    get('', 'read'),
    get('/blobServices/default', 'blobServices/read'),
    get('/managementPolicies/default', 'managementPolicies/read'),
  ]);
  return {
    lifecycle: await lifecycleOf(itself, policy, container.containerName, id),
    encryptionKey: await keyOf(itself, id, describeKey, call),
    service: await understood(present(service, id), blobService),
  };
}

/** There is no policy only where there is an account: a wrong id has none either. */
async function lifecycleOf(
  itself: Setting<unknown>,
  policy: Setting<unknown>,
  container: string,
  id: string,
): Promise<Setting<readonly LifecycleRule[]>> {
  if (policy.outcome === 'told' && policy.value === undefined) {
    return mapped(present(itself, id), () => []);
  }
  return understood(policy, (told) => lifecycleRules(told, container));
}

async function keyOf(
  itself: Setting<unknown>,
  id: string,
  describeKey: DescribeKey,
  call: CallOptions,
): Promise<Setting<'none' | EncryptionKey>> {
  const url = await understood(present(itself, id), encryptionKeyUrl);
  if (url.outcome === 'unchecked') return url;
  return url.value === 'none' ? { outcome: 'told', value: 'none' } : describeKey(url.value, call);
}

function present(setting: Setting<unknown>, id: string): Setting<unknown> {
  if (setting.outcome === 'unchecked' || setting.value !== undefined) return setting;
  return unchecked(`there is no storage account "${id}"`, 'Correct "storageAccountId"');
}

/** What somebody else may have written in the place of Resource Manager is not understood. */
function understood<T>(
  setting: Setting<unknown>,
  parse: (value: unknown) => T,
): Promise<Setting<T>> | UncheckedSetting {
  if (setting.outcome === 'unchecked') return setting;
  return askSetting('', async () => parse(setting.value));
}

function mapped<T, U>(setting: Setting<T>, change: (value: T) => U): Setting<U> {
  return setting.outcome === 'unchecked'
    ? setting
    : { outcome: 'told', value: change(setting.value) };
}
