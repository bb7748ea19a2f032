import {
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openSettings } from '../../functions/clients/settings.ts';
import type { NamedLocation } from '../../shared/config/config.ts';
import { parseLocationUrl } from '../../shared/config/location.ts';
import type { StoreSettings } from '../../shared/stores/settings.ts';
import { settingsFindings } from '../../shared/verify/settings.ts';
import { fakeClock } from '../support/clock.ts';
import { fakeArm } from '../support/fake-arm.ts';
import { fakeKeyVault } from '../support/fake-key-vault.ts';
import { silentLogger } from '../support/logger.ts';
import { type S3Server, startS3Server } from '../support/s3-server/server.ts';
import { startTokenServices } from './fake-token-services.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  for (const close of closing.splice(0)) await close();
});

const place = (url: string, more: Partial<NamedLocation> = {}): NamedLocation => ({
  ...{ name: 'here', layout: 'velero', access: {}, location: parseLocationUrl(url) },
  ...more,
});
const open = (of: NamedLocation) =>
  openSettings(of, { env: process.env, clock: fakeClock(), log: silentLogger });
const read = async (of: NamedLocation): Promise<StoreSettings | undefined> =>
  (await open(of))?.read();

test('a folder has no settings', async () => {
  expect(await open(place('file:///var/backups'))).toBeUndefined();
});

describe('a bucket', () => {
  const KEY = 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';

  /** With credentials in the environment. */
  async function startWith(set: (client: S3Client) => Promise<unknown>): Promise<S3Server> {
    const server = await startS3Server();
    const { endpoint, region, credentials } = server;
    vi.stubEnv('AWS_ACCESS_KEY_ID', credentials.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', credentials.secretAccessKey);
    server.createBucket('backups');
    const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
    closing.push(server.close, async () => client.destroy());
    await set(client);
    return server;
  }

  const byKey = { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: KEY } as const;
  const encrypting = (client: S3Client) =>
    client.send(
      new PutBucketEncryptionCommand({
        Bucket: 'backups',
        ServerSideEncryptionConfiguration: {
          Rules: [{ ApplyServerSideEncryptionByDefault: byKey }],
        },
      }),
    );

  test('with rules and nothing else: what would eat the backups, and what brings them back', async () => {
    const { endpoint } = await startWith((client) =>
      client.send(
        new PutBucketLifecycleConfigurationCommand({
          Bucket: 'backups',
          LifecycleConfiguration: {
            Rules: [
              {
                ...{ ID: 'eater', Status: 'Enabled', Expiration: { Days: 30 } },
                Filter: { Prefix: 'prod/kopia/' },
              },
              { ID: 'logs', Status: 'Enabled', Expiration: { Days: 1 }, Prefix: 'logs/' },
            ],
          },
        }),
      ),
    );
    const here = place(`s3://backups/prod?region=us-east-1&endpoint=${endpoint}`);
    const settings = await read(here);
    if (settings === undefined) throw new Error('no settings');
    const { location, layout } = here;
    const now = new Date('2026-11-25T00:00:00Z');
    const url = 's3://backups/prod';
    const found = settingsFindings({ settings, location, layout, url, isReplica: false, now });
    expect(found.map(({ severity, subject, message }) => [severity, subject, message])).toEqual([
      [
        'critical',
        's3://backups/prod lifecycle rule eater',
        'The lifecycle rule "eater" removes objects below "prod/kopia/" after 30 days',
      ],
      ['warning', url, expect.stringContaining('versions are off')],
    ]);
  });

  test('of AWS has its key in KMS, which is asked in the region of the key', async () => {
    const server = await startWith(encrypting);
    const kms = await startS3Server();
    closing.push(kms.close);
    vi.stubEnv('AWS_ENDPOINT_URL_S3', server.endpoint);
    vi.stubEnv('AWS_ENDPOINT_URL_KMS', kms.endpoint);
    const settings = await read(place('s3://backups/prod?region=us-east-1'));
    expect(settings?.versioning).toEqual({ outcome: 'told', value: 'off' });
    // That is no KMS, and says so: nothing is known of the key.
    expect(settings?.encryptionKey).toMatchObject({ outcome: 'unchecked' });
    const [asked] = kms.requests;
    expect(asked?.headers['x-amz-target']).toBe('TrentService.DescribeKey');
    expect(asked?.headers['authorization']).toContain('/eu-central-1/kms/');
  });

  test('of another store has keys that KMS does not know', async () => {
    const { endpoint } = await startWith(encrypting);
    const settings = await read(place(`s3://backups/prod?region=us-east-1&endpoint=${endpoint}`));
    expect(settings?.encryptionKey).toEqual({
      ...{ outcome: 'unchecked', reason: `the key "${KEY}" is not one of AWS` },
      hint: expect.any(String),
    });
  });
});

test('a container with a storage account: Resource Manager and the vault, by the identity of the place', async () => {
  const tokens = await startTokenServices();
  const vault = await fakeKeyVault('entra-token');
  const subscription = '0d1e2f30-1111-2222-3333-444455556666';
  const keyvaulturi = 'https://drydock.vault.azure.net';
  const keyvaultproperties = { keyvaulturi, keyname: 'evidence' };
  const arm = await fakeArm({
    ...{ subscription, token: 'entra-token' },
    accounts: [
      {
        ...{ resourceGroup: 'backups', name: 'drydock' },
        blobService: { isVersioningEnabled: true },
        encryption: { keySource: 'Microsoft.Keyvault', keyvaultproperties },
      },
    ],
  });
  closing.push(tokens.close, vault.close, arm.close);
  vi.stubEnv('IDENTITY_ENDPOINT', tokens.managedIdentity);
  vi.stubEnv('IDENTITY_HEADER', 'header-canary');
  // A key that everybody knows, of the emulator: nobody is there to take it.
  vi.stubEnv('AZURE_STORAGE_KEY', Buffer.from('emulator').toString('base64'));
  vi.stubGlobal('fetch', redirected({ [keyvaulturi]: vault.url, [ARM]: arm.url }));
  const storageAccountId = `/subscriptions/${subscription}/resourceGroups/backups/providers/Microsoft.Storage/storageAccounts/drydock`;
  const url = 'azblob://drydock/velero?endpoint=http://127.0.0.1:1/drydock';
  expect(await read(place(url, { storageAccountId }))).toMatchObject({
    lifecycle: { outcome: 'told', value: [] },
    versioning: { outcome: 'told', value: 'on' },
    softDeleteDays: { outcome: 'told', value: 0 },
    encryptionKey: { outcome: 'told', value: { id: `${keyvaulturi}/keys/evidence` } },
    immutability: { outcome: 'unchecked' },
  });
});

const ARM = 'https://management.azure.com';

/** What goes to the servers of Azure goes to those of this test. */
function redirected(servers: Readonly<Record<string, string>>): typeof fetch {
  const real = globalThis.fetch;
  return async (input, init) => {
    const url = new URL(`${input}`);
    const target = servers[url.origin];
    if (target === undefined) throw new Error(`nobody is at ${url.origin}`);
    return real(`${target}${url.pathname}${url.search}`, init);
  };
}
