import type { LifecycleRule } from './settings.ts';
import { StoreError } from './store-error.ts';

/**
 * What Azure Resource Manager says of a storage account. Source: "Storage Accounts - Get
 * Properties", "Blob Services - Get Service Properties" and "Management Policies - Get" of the
 * Azure Storage resource provider REST reference, version 2023-05-01.
 */
export const STORAGE_API_VERSION = '2023-05-01';

/**
 * The rules of a management policy that are on and may act on blobs of `container`, one per prefix.
 * @throws StoreError `unreachable` when `policy` is none
 */
export function lifecycleRules(policy: unknown, container: string): readonly LifecycleRule[] {
  const rules = record(record(record(policy)['properties'])['policy'])['rules'];
  if (!Array.isArray(rules)) throw notUnderstood('the lifecycle rules');
  return rules.map(record).flatMap((rule) => rulesOf(rule, container));
}

function rulesOf(rule: Fields, container: string): LifecycleRule[] {
  const definition = record(rule['definition']);
  const filters = record(definition['filters']);
  const types = filters['blobTypes'];
  // Velero and Kopia write block blobs.
  const isForOthers = Array.isArray(types) && !types.includes('blockBlob');
  if (rule['enabled'] === false || isForOthers) return [];
  const { delete: removes, ...tiers } = record(record(definition['actions'])['baseBlob']);
  const version = record(record(definition['actions'])['version']);
  const expiresAfterDays = days(removes);
  const versionDays = days(version['delete']);
  const tags = filters['blobIndexMatch'];
  const common = {
    name: typeof rule['name'] === 'string' ? rule['name'] : 'without a name',
    isNarrowed: Array.isArray(tags) && tags.length > 0,
    ...(expiresAfterDays !== undefined && { expires: { afterDays: expiresAfterDays } }),
    ...(versionDays !== undefined && { expiresVersionsAfterDays: versionDays }),
    transitions: TIERS.flatMap(([action, storageClass]) => {
      const afterDays = days(tiers[action]);
      if (afterDays === undefined) return [];
      return [{ when: { afterDays }, storageClass, isArchive: storageClass === 'Archive' }];
    }),
  };
  return prefixesIn(filters['prefixMatch'], container).map((prefix) => ({ ...common, prefix }));
}

const TIERS = [
  ['tierToCool', 'Cool'],
  ['tierToCold', 'Cold'],
  ['tierToArchive', 'Archive'],
] as const;

/** Prefixes begin with the name of a container, or with a part of one. */
function prefixesIn(prefixes: unknown, container: string): readonly string[] {
  if (!Array.isArray(prefixes) || prefixes.length === 0) return [''];
  const root = `${container}/`;
  return prefixes.flatMap((prefix) => {
    if (typeof prefix !== 'string') return [];
    if (root.startsWith(prefix)) return [''];
    return prefix.startsWith(root) ? [prefix.slice(root.length)] : [];
  });
}

/** Of a condition; counted from whatever moment it names, the earliest one. */
function days(condition: unknown): number | undefined {
  const names = [
    'daysAfterModificationGreaterThan',
    'daysAfterCreationGreaterThan',
    'daysAfterLastAccessTimeGreaterThan',
  ];
  const numbers = names
    .map((name) => record(condition)[name])
    .filter((value) => typeof value === 'number');
  return numbers.length === 0 ? undefined : Math.min(...numbers);
}

/** Of the blob service of the account. */
export function blobService(service: unknown): {
  readonly versioning: 'on' | 'off';
  readonly softDeleteDays: number;
} {
  const properties = record(record(service)['properties']);
  if (Object.keys(properties).length === 0) throw notUnderstood('the blob service');
  return {
    versioning: properties['isVersioningEnabled'] === true ? 'on' : 'off',
    softDeleteDays: retentionDays(properties['deleteRetentionPolicy']),
  };
}

/** Of `{ enabled, days }`, as Resource Manager and the service itself write it. */
export function retentionDays(policy: unknown): number {
  const { enabled, days: count } = record(policy);
  return enabled === true && typeof count === 'number' ? count : 0;
}

/** The URL of the key in a vault that the account encrypts with; `none` when it is Microsoft's. */
export function encryptionKeyUrl(account: unknown): string {
  const encryption = record(record(record(account)['properties'])['encryption']);
  const { keySource } = encryption;
  if (typeof keySource !== 'string') throw notUnderstood('the encryption');
  if (keySource.toLowerCase() !== 'microsoft.keyvault') return 'none';
  const { keyvaulturi, keyname, keyversion } = record(encryption['keyvaultproperties']);
  if (typeof keyvaulturi !== 'string' || typeof keyname !== 'string') {
    throw notUnderstood('the encryption');
  }
  const version = typeof keyversion === 'string' && keyversion !== '' ? `/${keyversion}` : '';
  return `${keyvaulturi.replace(/\/$/, '')}/keys/${keyname}${version}`;
}

function notUnderstood(what: string): StoreError {
  return new StoreError('unreachable', `Cannot use what Resource Manager says of ${what}`);
}

type Fields = Readonly<Record<string, unknown>>;

function record(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
