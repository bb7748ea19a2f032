import { describe, expect, test } from 'vitest';
import { parseQueueUrl } from '../../functions/clients/queues.ts';
import { selectLocations } from '../../functions/verify-config.ts';
import {
  CONTINUATIONS_MAX,
  nextShard,
  shardsOf,
  shardsOfEvent,
} from '../../functions/verify-shards.ts';
import { parseConfig } from '../../shared/config/load.ts';
import type { Report } from '../../shared/model/report.ts';
import { parseMessage } from '../../shared/queues/work-message.ts';

const CONFIG = parseConfig(
  `
version: 1
state: s3://acme-state
clusters:
  shop: { kubeconfig: { path: /etc/shop.yaml } }
locations:
  primary: { url: "s3://acme-backups/velero?region=eu-central-1", cluster: shop }
  second: { url: "s3://acme-backups/other?region=eu-central-1" }
  laptops: { url: "s3://acme-backups/laptops?region=eu-central-1", layout: kopia }
  replica: { url: "azblob://acmereplica/velero/root" }
  china: { url: "azblob://acmechina/velero?endpoint=https://acmechina.blob.core.chinacloudapi.cn" }
  emulated: { url: "azblob://devstoreaccount1/velero?endpoint=http://127.0.0.1:10000/devstoreaccount1" }
`,
  'drydock.yaml',
);

const KEY = 'backups/daily-20260101020000/velero-backup.json';

/** As "EventBridge event message structure" of the S3 guide shows it. */
const objectCreated = (bucket: string, key: string) => ({
  version: '0',
  id: '17793124-05d4-b198-2fde-7ededc63b103',
  'detail-type': 'Object Created',
  source: 'aws.s3',
  account: '111122223333',
  time: '2026-01-01T02:00:00Z',
  region: 'eu-central-1',
  resources: [`arn:aws:s3:::${bucket}`],
  detail: {
    version: '0',
    bucket: { name: bucket },
    object: { key, size: 5, etag: 'b1946ac92492d2347c6235b4d2611184', sequencer: '617f08299329' },
    'request-id': 'N4N7GDK58NMKJ12R',
    requester: '123456789012',
    reason: 'PutObject',
  },
});

/** As "Azure Blob Storage as an Event Grid source" shows it. */
const blobCreated = (host: string, container: string, blob: string) => ({
  topic: '/subscriptions/0/resourceGroups/acme/providers/Microsoft.Storage/storageAccounts/acme',
  subject: `/blobServices/default/containers/${container}/blobs/${blob}`,
  eventType: 'Microsoft.Storage.BlobCreated',
  eventTime: '2026-01-01T02:00:00Z',
  id: '831e1650-001e-001b-66ab-eeb76e069631',
  data: {
    api: 'PutBlockList',
    blobType: 'BlockBlob',
    contentLength: 5,
    url: `https://${host}/${container}/${blob}`,
  },
  dataVersion: '',
  metadataVersion: '1',
});

const shardsOfIt = (event: unknown) => {
  const outcome = shardsOfEvent(event, CONFIG);
  return outcome.kind === 'foreign' ? outcome.reason : outcome.shards;
};

const shard = { schema: 'drydock/shard/v1', job: 'verify', continuation: 0 } as const;

describe('a run', () => {
  test('is cut into a shard per location, which a queue can carry', () => {
    const shards = shardsOf(CONFIG, 'run');
    expect(shards.map(({ location }) => location)).toEqual([...CONFIG.locations.keys()]);
    for (const each of shards) {
      expect(parseMessage(JSON.stringify(each))).toEqual({ ...shard, ...each, runId: 'run' });
    }
  });

  const report = (unfinished: boolean) =>
    ({ ...(unfinished && { unfinished: { reason: 'the time is up' } }) }) as Report;
  const message = { ...shard, runId: 'run', location: 'primary', backup: 'daily-1' };

  test('goes on as the same one, until nothing is left', () => {
    expect(nextShard(report(false), message)).toBeUndefined();
    expect(nextShard(report(true), message)).toEqual({ ...message, continuation: 1 });
  });

  test('does not go on for ever', () => {
    const last = { ...message, continuation: CONTINUATIONS_MAX };
    expect(nextShard(report(false), last)).toBeUndefined();
    expect(() => nextShard(report(true), last)).toThrow('it was continued 200 times');
  });
});

describe('an event of S3', () => {
  test('asks for the backup whose metadata was written, at the location that holds it', () => {
    expect(shardsOfIt(objectCreated('acme-backups', `velero/${KEY}`))).toEqual([
      {
        ...shard,
        runId: '17793124-05d4-b198-2fde-7ededc63b103',
        location: 'primary',
        backup: 'daily-20260101020000',
      },
    ]);
    expect(shardsOfIt(objectCreated('acme-backups', `other/${KEY}`))).toMatchObject([
      { location: 'second' },
    ]);
  });

  test('that comes twice asks twice for the same', () => {
    const event = objectCreated('acme-backups', `velero/${KEY}`);
    expect(shardsOfIt(structuredClone(event))).toEqual(shardsOfIt(event));
  });

  test.each([
    ['of another bucket', objectCreated('acme-photos', `velero/${KEY}`)],
    ['outside of the roots', objectCreated('acme-backups', KEY)],
    ['of a prefix that only begins alike', objectCreated('acme-backups', `velero2/${KEY}`)],
    ['of another artefact', objectCreated('acme-backups', 'velero/backups/a/a.tar.gz')],
    [
      'of a folder within a backup',
      objectCreated('acme-backups', `velero/${KEY}`.replace('/daily', '/x/daily')),
    ],
    [
      'of a name that no backup has',
      objectCreated('acme-backups', `velero/backups/${'x'.repeat(254)}/velero-backup.json`),
    ],
    ['of a restore', objectCreated('acme-backups', 'velero/restores/a/velero-backup.json')],
    ['in a Kopia repository', objectCreated('acme-backups', `laptops/${KEY}`)],
    [
      'of a removal',
      { ...objectCreated('acme-backups', `velero/${KEY}`), 'detail-type': 'Object Deleted' },
    ],
    [
      'of another service',
      { ...objectCreated('acme-backups', `velero/${KEY}`), source: 'aws.ecs' },
    ],
    ['without a detail', { ...objectCreated('acme-backups', `velero/${KEY}`), detail: null }],
    ['that is none', 'hello'],
    ['that is nothing', undefined],
  ])('%s is foreign', (_, event) => {
    expect(shardsOfIt(event)).toMatch(/^(no object was created|it is no metadata of a backup)/);
  });
});

describe('an event of Event Grid', () => {
  const HOST = 'acmereplica.blob.core.windows.net';
  const found = [
    {
      ...shard,
      runId: '831e1650-001e-001b-66ab-eeb76e069631',
      location: 'replica',
      backup: 'daily-20260101020000',
    },
  ];

  test('asks for the backup whose metadata was written', () => {
    expect(shardsOfIt(blobCreated(HOST, 'velero', `root/${KEY}`))).toEqual(found);
  });

  test('is read in the schema of CloudEvents too, and from accounts with folders', () => {
    const { eventType: type, ...event } = blobCreated(HOST, 'velero', `root/${KEY}`);
    expect(shardsOfIt({ ...event, type, specversion: '1.0' })).toEqual(found);
    const dfs = HOST.replace('.blob.', '.dfs.');
    expect(shardsOfIt(blobCreated(dfs, 'velero', `root/${KEY}`))).toEqual(found);
  });

  test('comes from other clouds of Azure too, whose endpoint a location states', () => {
    const event = blobCreated('acmechina.blob.core.chinacloudapi.cn', 'velero', KEY);
    expect(shardsOfIt(event)).toMatchObject([{ location: 'china' }]);
  });

  test('of an emulator has the account in its path', () => {
    const event = blobCreated('127.0.0.1:10000/devstoreaccount1', 'velero', KEY);
    expect(shardsOfIt(event)).toMatchObject([{ location: 'emulated' }]);
  });

  test.each([
    ['of another account', blobCreated('other.blob.core.windows.net', 'velero', `root/${KEY}`)],
    ['of another container', blobCreated(HOST, 'photos', `root/${KEY}`)],
    ['outside of the root', blobCreated(HOST, 'velero', KEY)],
    [
      'of a removal',
      { ...blobCreated(HOST, 'velero', `root/${KEY}`), eventType: 'Microsoft.Storage.BlobDeleted' },
    ],
    ['without a URL', { ...blobCreated(HOST, 'velero', `root/${KEY}`), data: {} }],
  ])('%s is foreign', (_, event) => {
    expect(shardsOfIt(event)).toMatch(/^(no object was created|it is no metadata of a backup)/);
  });
});

describe('the selection of locations', () => {
  const names = (...args: Parameters<typeof selectLocations>) =>
    selectLocations(...args).map(({ name }) => name);

  test('is all of them, those named, or those of a cluster, in the order of the configuration', () => {
    expect(names(CONFIG, {})).toEqual([...CONFIG.locations.keys()]);
    expect(names(CONFIG, { locations: ['replica', 'primary'] })).toEqual(['primary', 'replica']);
    expect(names(CONFIG, { cluster: 'shop' })).toEqual(['primary']);
  });

  test('says what is unknown, and what is near it', () => {
    const failure = (selection: Parameters<typeof selectLocations>[1]) => {
      try {
        return names(CONFIG, selection);
      } catch (error) {
        const { code, hint } = error as { code: string; hint: string };
        return `${code}: ${hint}`;
      }
    };
    expect(failure({ locations: ['primery'] })).toMatch(/^LOCATION_UNKNOWN: .*primary/);
    expect(failure({ cluster: 'shops' })).toMatch(/^CLUSTER_UNKNOWN: .*shop/);
    expect(failure({ cluster: 'shop', locations: ['replica'] })).toMatch(/^LOCATIONS_MISSING/);
  });
});

describe('the URL of a queue', () => {
  test.each([
    [
      'https://sqs.eu-central-1.amazonaws.com/111122223333/shards',
      'sqs',
      { region: 'eu-central-1' },
    ],
    [
      'https://sqs.cn-north-1.amazonaws.com.cn/111122223333/shards',
      'sqs',
      { region: 'cn-north-1' },
    ],
    ['http://127.0.0.1:9324/000000000000/shards', 'sqs', {}],
    ['https://acme.queue.core.windows.net/shards', 'azure', { account: 'acme' }],
    ['http://127.0.0.1:10001/devstoreaccount1/shards', 'azure', { account: 'devstoreaccount1' }],
  ])('%s is one of %s', (url, kind, more) => {
    expect(parseQueueUrl(url)).toEqual({ kind, url, ...more });
  });

  test.each([
    'shards',
    'https://acme.queue.core.windows.net/',
    'https://acme.queue.core.windows.net/shards/',
    'https://acme.queue.core.windows.net/shards?sv=1&sig=canary',
    'https://user:canary@acme.queue.core.windows.net/shards',
    'https://example.com/shards',
    'https://example.com/acme/shards',
    'https://example.com/a/b/c',
  ])('%s is none, and no secret in it is shown', (url) => {
    expect(() => parseQueueUrl(url)).toThrow('it is no URL of a queue');
    try {
      parseQueueUrl(url);
    } catch (error) {
      expect(JSON.stringify(error) + String(error)).not.toContain('canary');
    }
  });
});
