import type { BlobServiceProperties, ContainerClient } from '@azure/storage-blob';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ASKING_DEFAULTS, asking } from '../../shared/snapshots/asking.ts';
import { armReader } from '../../shared/snapshots/azure-resource-manager.ts';
import { STORAGE_API_VERSION } from '../../shared/stores/azure-storage-account.ts';
import { blobSettingsReader } from '../../shared/stores/blob-settings.ts';
import { RETRY_DEFAULTS, repeating } from '../../shared/stores/retrying.ts';
import type { DescribeKey, StoreSettings } from '../../shared/stores/settings.ts';
import { type Azurite, azuriteAccount } from '../support/azurite.ts';
import { fakeClock } from '../support/clock.ts';
import { type ArmFault, type FakeArm, type FakeArmOptions, fakeArm } from '../support/fake-arm.ts';
import type { FakeStorageAccount } from '../support/fake-arm-storage.ts';
import { type ProxiedRequest, type ProxyDecision, startProxy } from '../support/proxy.ts';

const SUBSCRIPTION = '0d1e2f30-1111-2222-3333-444455556666';
const ID = `/subscriptions/${SUBSCRIPTION}/resourceGroups/backups/providers/Microsoft.Storage/storageAccounts/drydock`;
const TOKEN = 'canary-of-a-token';
const CONTAINER = 'velero';
let azurite: Omit<Azurite, 'close'>;
let container: ContainerClient;
let decide: (request: ProxiedRequest) => ProxyDecision;
let arm: FakeArm | undefined;
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  azurite = await azuriteAccount();
  const target = azurite.endpoint;
  const proxy = await startProxy({ target, answer: (request) => decide(request) });
  closing.push(proxy.close);
  container = azurite.container(CONTAINER, { endpoint: `${proxy.url}/${azurite.account}` });
  decide = () => undefined;
  await container.create();
});
beforeEach(() => {
  decide = () => undefined;
});
afterEach(async () => {
  await arm?.close();
  arm = undefined;
});
afterAll(async () => {
  for (const close of closing) await close();
});

const never: DescribeKey = () => Promise.reject(new Error('nobody asked for a key'));
const told = <T>(value: T) => ({ outcome: 'told', value });
const repeat = () => repeating({ ...RETRY_DEFAULTS, random: () => 0 }, fakeClock());

/** With Resource Manager that knows `account`. */
async function read(
  account: Partial<FakeStorageAccount> = {},
  more: Partial<FakeArmOptions> & { readonly id?: string; readonly describeKey?: DescribeKey } = {},
): Promise<StoreSettings> {
  const { id = ID, describeKey = never, ...options } = more;
  const accounts = [{ resourceGroup: 'backups', name: 'drydock', ...account }];
  arm = await fakeArm({ subscription: SUBSCRIPTION, accounts, token: TOKEN, ...options });
  const clock = fakeClock();
  const { get } = armReader({
    endpoint: arm.url,
    credential: { getToken: async () => ({ token: TOKEN, expiresOnTimestamp: Number.MAX_VALUE }) },
    ask: asking({ ...ASKING_DEFAULTS, random: () => 0 }, clock),
    clock,
    apiVersion: STORAGE_API_VERSION,
  });
  return blobSettingsReader({
    container,
    repeat: repeat(),
    account: { id, get, describeKey },
  }).read();
}

describe('without Resource Manager', () => {
  const alone = () => blobSettingsReader({ container, repeat: repeat() }).read();

  test('the service tells soft delete and retention, and no more', async () => {
    const hint = expect.stringContaining('storageAccountId');
    const unchecked = { outcome: 'unchecked', reason: expect.any(String), hint };
    expect(await alone()).toEqual({
      lifecycle: unchecked,
      archiveTiering: told([]),
      versioning: unchecked,
      softDeleteDays: told(0),
      encryptionKey: unchecked,
      immutability: told(false),
    });
  });

  test('soft delete in days', async () => {
    const service = new BlobServiceClient(azurite.endpoint, container.credential);
    const set = (deleteRetentionPolicy: BlobServiceProperties['deleteRetentionPolicy']) =>
      service.setProperties({ ...(deleteRetentionPolicy && { deleteRetentionPolicy }) });
    await set({ enabled: true, days: 14 });
    expect((await alone()).softDeleteDays).toEqual(told(14));
    await set({ enabled: false });
    expect((await alone()).softDeleteDays).toEqual(told(0));
  });

  test.each(['x-ms-has-immutability-policy', 'x-ms-has-legal-hold'])(
    'retention by %s',
    async (name) => {
      decide = ({ path }) =>
        path.includes('restype=container')
          ? { status: 200, headers: { [name]: 'true', etag: '"1"' } }
          : undefined;
      expect((await alone()).immutability).toEqual(told(true));
    },
  );

  test.each<[ProxyDecision, string]>([
    [{ status: 403, headers: { 'x-ms-error-code': 'AuthorizationFailure' } }, 'access denied'],
    [{ status: 503, headers: { 'x-ms-error-code': 'ServerBusy' } }, 'slower pace'],
    [{ status: 501, headers: { 'x-ms-error-code': 'UnsupportedHeader' } }, 'no such setting'],
    ['reset', 'no usable answer'],
  ])('%o leaves one answer unchecked', async (decision, words) => {
    const unchecked = { outcome: 'unchecked', reason: expect.stringContaining(words) };
    decide = ({ path }) => (path.includes('restype=service') ? decision : undefined);
    const first = await alone();
    expect(first.immutability).toEqual(told(false));
    // Resource Manager would have told it as well, and was not named.
    expect(first.softDeleteDays).toMatchObject({ outcome: 'unchecked' });
    decide = ({ path }) => (path.includes('restype=container') ? decision : undefined);
    const second = await alone();
    expect(second.softDeleteDays).toEqual(told(0));
    expect(second.immutability).toMatchObject(unchecked);
  });
});

describe('with Resource Manager', () => {
  test('an account of which nobody has set anything', async () => {
    expect(await read()).toEqual({
      lifecycle: told([]),
      archiveTiering: told([]),
      versioning: told('off'),
      softDeleteDays: told(0),
      encryptionKey: told('none'),
      immutability: told(false),
    });
    expect(arm?.requests).toHaveLength(3);
  });

  test('versions, and soft delete where the service itself does not tell it', async () => {
    decide = ({ path }) => (path.includes('restype=service') ? { status: 403 } : undefined);
    const deleteRetentionPolicy = { enabled: true, days: 30 };
    const blobService = { isVersioningEnabled: true, deleteRetentionPolicy };
    const settings = await read({ blobService });
    expect(settings).toMatchObject({ versioning: told('on'), softDeleteDays: told(30) });
  });

  test('lifecycle rules for the container, by prefix', async () => {
    const baseBlob = {
      delete: { daysAfterLastAccessTimeGreaterThan: 90, daysAfterCreationGreaterThan: 120 },
      tierToCool: { daysAfterModificationGreaterThan: 10 },
      tierToCold: { daysAfterModificationGreaterThan: 20 },
      tierToArchive: {
        daysAfterModificationGreaterThan: 30,
        daysAfterLastTierChangeGreaterThan: 7,
      },
    };
    const version = { delete: { daysAfterCreationGreaterThan: 14 } };
    const rule = (name: string, filters: object, more: object = {}) => ({
      ...{ name, enabled: true, type: 'Lifecycle' },
      definition: {
        actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: 1 } } },
        filters: { blobTypes: ['blockBlob'], ...filters },
      },
      ...more,
    });
    const rules = [
      rule('prefixes', { prefixMatch: ['velero/prod/', 'vel', 'velero', 'veleros/', 'other/'] }),
      rule('others', { prefixMatch: ['other/'] }),
      rule('tags', { blobIndexMatch: [{ name: 'a', op: '==', value: 'b' }] }),
      rule('append', { blobTypes: ['appendBlob'] }),
      rule('off', {}, { enabled: false }),
      rule('all', {}, { definition: { actions: { baseBlob, version, snapshot: version } } }),
    ];
    const expires = { afterDays: 1 };
    const common = { isNarrowed: false, expires, transitions: [] };
    expect((await read({ rules })).lifecycle).toEqual(
      told([
        { ...common, name: 'prefixes', prefix: 'prod/' },
        { ...common, name: 'prefixes', prefix: '' },
        { ...common, name: 'prefixes', prefix: '' },
        { ...common, name: 'tags', prefix: '', isNarrowed: true },
        {
          ...{ name: 'all', prefix: '', isNarrowed: false, expires: { afterDays: 90 } },
          expiresVersionsAfterDays: 14,
          transitions: [
            { when: { afterDays: 10 }, storageClass: 'Cool', isArchive: false },
            { when: { afterDays: 20 }, storageClass: 'Cold', isArchive: false },
            { when: { afterDays: 30 }, storageClass: 'Archive', isArchive: true },
          ],
        },
      ]),
    );
  });

  test('the key of the user is asked for by its URL', async () => {
    const asked: string[] = [];
    const describeKey: DescribeKey = async (id) => {
      asked.push(id);
      return { outcome: 'told', value: { id, state: 'disabled' } };
    };
    const keyvaulturi = 'https://keys.vault.azure.net/';
    const encryption = {
      keySource: 'Microsoft.Keyvault',
      keyvaultproperties: { keyvaulturi, keyname: 'velero', keyversion: '' },
    };
    const url = 'https://keys.vault.azure.net/keys/velero';
    const { encryptionKey } = await read({ encryption }, { describeKey });
    expect(encryptionKey).toEqual(told({ id: url, state: 'disabled' }));
    expect(asked).toEqual([url]);
  });

  test('of another account nothing is known, least of all that it has no rules', async () => {
    const settings = await read({}, { id: ID.replace(/drydock$/, 'other') });
    const reason = expect.stringContaining('there is no storage account');
    for (const name of ['lifecycle', 'versioning', 'encryptionKey'] as const) {
      expect(settings[name]).toMatchObject({ outcome: 'unchecked', reason });
    }
  });

  const RIGHTS = [
    ['lifecycle', '/managementPolicies/default', 'managementPolicies/read'],
    ['versioning', '/blobServices/default', 'blobServices/read'],
    ['encryptionKey', '/drydock', 'storageAccounts/read'],
  ] as const;

  describe.each(RIGHTS)('the question for %s', (name, end, right) => {
    const failing = async (fault: ArmFault) => {
      const settings = await read(
        { rules: [] },
        { fault: ({ url }) => (url.pathname.endsWith(end) ? fault : undefined) },
      );
      for (const [other] of RIGHTS.filter(([one]) => one !== name)) {
        expect(settings[other].outcome).toBe('told');
      }
      return settings[name];
    };

    test('denied: the right that is missing', async () => {
      const answer = await failing({ status: 403, code: 'AuthorizationFailed' });
      const hint = expect.stringContaining(right);
      expect(answer).toEqual({ outcome: 'unchecked', reason: 'access denied', hint });
    });

    test('throttled, broken off, not understood: unchecked, not off', async () => {
      const nothing = { status: 200, body: '{}' };
      for (const fault of [{ status: 429 }, { status: 500 }, 'reset', nothing] as const) {
        expect(await failing(fault)).toMatchObject({ outcome: 'unchecked' });
        await arm?.close();
      }
    });
  });

  test('a cancelled question rethrows the reason', async () => {
    const reason = new Error('enough');
    const reader = blobSettingsReader({ container, repeat: repeat() });
    await expect(reader.read({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
