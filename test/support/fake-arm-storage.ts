/**
 * Storage accounts of the fake of Azure Resource Manager. Shapes as in "Storage Accounts - Get
 * Properties", "Blob Services - Get Service Properties" and "Management Policies - Get" of the
 * Azure REST reference, version 2023-05-01, by hand.
 */
export interface FakeStorageAccount {
  readonly resourceGroup: string;
  readonly name: string;
  /** Laid over `encryption`. */
  readonly encryption?: Readonly<Record<string, unknown>>;
  /** Laid over the documented properties of the blob service. */
  readonly blobService?: Readonly<Record<string, unknown>>;
  /** Of the management policy; there is none without them. */
  readonly rules?: readonly object[];
}

export interface StorageAnswer {
  readonly status: number;
  readonly code?: string;
  readonly body?: string;
}

const API_VERSION = '2023-05-01';
const PATH =
  /^\/subscriptions\/[^/]+\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Storage\/storageAccounts\/([^/]+)(?:\/(blobServices|managementPolicies)\/default)?$/i;

/** `undefined` when the path is not of a storage account. */
export function storageAnswer(
  url: URL,
  accounts: readonly FakeStorageAccount[],
): StorageAnswer | undefined {
  const [path, group = '', name = '', below] = PATH.exec(decodeURIComponent(url.pathname)) ?? [];
  if (path === undefined) return undefined;
  if (url.searchParams.get('api-version') !== API_VERSION) {
    return { status: 400, code: 'InvalidApiVersionParameter' };
  }
  const account = accounts.find((one) => same(one.resourceGroup, group) && same(one.name, name));
  if (account === undefined) return { status: 404, code: 'ResourceNotFound' };
  if (below === undefined) return resource(path, 'storageAccounts', accountProperties(account));
  if (same(below, 'blobServices')) {
    return resource(path, 'storageAccounts/blobServices', serviceProperties(account));
  }
  const { rules } = account;
  if (rules === undefined) return { status: 404, code: 'ManagementPolicyNotFound' };
  const properties = { policy: { rules }, lastModifiedTime: '2026-11-01T10:00:00.1234567Z' };
  return resource(path, 'storageAccounts/managementPolicies', properties);
}

function accountProperties({ name, encryption }: FakeStorageAccount): object {
  return {
    primaryEndpoints: { blob: `https://${name}.blob.core.windows.net/` },
    provisioningState: 'Succeeded',
    encryption: {
      services: { blob: { keyType: 'Account', enabled: true } },
      keySource: 'Microsoft.Storage',
      ...encryption,
    },
  };
}

function serviceProperties({ blobService }: FakeStorageAccount): object {
  return {
    cors: { corsRules: [] },
    deleteRetentionPolicy: { allowPermanentDelete: false, enabled: false },
    ...blobService,
  };
}

function resource(id: string, type: string, properties: object): StorageAnswer {
  const name = id.slice(id.lastIndexOf('/') + 1);
  const body = JSON.stringify({ id, name, type: `Microsoft.Storage/${type}`, properties });
  return { status: 200, body };
}

const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
