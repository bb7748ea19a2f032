import {
  type LifecycleRule,
  PutBucketEncryptionCommand,
  PutBucketIntelligentTieringConfigurationCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { RETRY_DEFAULTS, repeating } from '../../shared/stores/retrying.ts';
import { S3_CLIENT_SETTINGS } from '../../shared/stores/s3.ts';
import { s3SettingsReader } from '../../shared/stores/s3-settings.ts';
import type { DescribeKey, StoreSettings } from '../../shared/stores/settings.ts';
import { fakeClock } from '../support/clock.ts';
import { type Fault, type S3Server, startS3Server } from '../support/s3-server/server.ts';

const KEY = 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
let server: S3Server;
let client: S3Client;
let bucket: string;
let count = 0;

beforeAll(async () => {
  server = await startS3Server();
  const { endpoint, region, credentials } = server;
  const fixed = { ...S3_CLIENT_SETTINGS, endpoint, region, credentials, forcePathStyle: true };
  client = new S3Client(fixed);
});
beforeEach(() => {
  server.setFault(undefined);
  count += 1;
  bucket = `bucket-${count}`;
  server.createBucket(bucket);
});
afterAll(async () => {
  client.destroy();
  await server.close();
});

const never: DescribeKey = () => Promise.reject(new Error('nobody asked for a key'));
const read = (
  describeKey = never,
  signal?: AbortSignal,
  through = client,
): Promise<StoreSettings> => {
  const repeat = repeating({ ...RETRY_DEFAULTS, random: () => 0 }, fakeClock());
  const reader = s3SettingsReader({ client: through, bucket, repeat, describeKey });
  return reader.read({ ...(signal && { signal }) });
};
const told = <T>(value: T) => ({ outcome: 'told', value });
/** The rules as they are read back. */
const rulesOf = async (rules: readonly LifecycleRule[]): Promise<unknown> => {
  const LifecycleConfiguration = { Rules: [...rules] };
  await client.send(
    new PutBucketLifecycleConfigurationCommand({ Bucket: bucket, LifecycleConfiguration }),
  );
  const { lifecycle } = await read();
  return lifecycle.outcome === 'told' ? lifecycle.value : lifecycle;
};

test('a bucket of which nobody has set anything', async () => {
  const before = server.requests.length;
  expect(await read()).toEqual({
    lifecycle: told([]),
    archiveTiering: told([]),
    versioning: told('off'),
    softDeleteDays: told(0),
    encryptionKey: told('none'),
    immutability: told(false),
  });
  expect(server.requests.length - before).toBe(5);
});

describe('lifecycle rules', () => {
  const Status = 'Enabled';
  const rule = { name: 'x', prefix: '', isNarrowed: false, transitions: [] };

  test.each<[string, Partial<LifecycleRule>, object]>([
    ['the older form', { Prefix: 'prod/' }, { prefix: 'prod/' }],
    ['a prefix', { Filter: { Prefix: 'prod/kopia/' } }, { prefix: 'prod/kopia/' }],
    ['everything', { Filter: {} }, {}],
    ['a tag', { Filter: { Tag: { Key: 'a', Value: 'b' } } }, { isNarrowed: true }],
    ['small objects', { Filter: { ObjectSizeLessThan: 9 } }, { isNarrowed: true }],
    ['all but small objects', { Filter: { ObjectSizeGreaterThan: 9 } }, {}],
    ['large objects', { Filter: { ObjectSizeGreaterThan: 2 ** 30 } }, { isNarrowed: true }],
    [
      'a prefix and tags',
      { Filter: { And: { Prefix: 'a/', Tags: [{ Key: 'a', Value: 'b' }] } } },
      { prefix: 'a/', isNarrowed: true },
    ],
    [
      'a prefix and sizes',
      { Filter: { And: { Prefix: 'a/', ObjectSizeGreaterThan: 9 } } },
      { prefix: 'a/' },
    ],
  ])('for %s', async (_, given, expected) => {
    const Expiration = { Days: 30 };
    const expires = { afterDays: 30 };
    const rules = await rulesOf([{ ID: 'x', Status, Expiration, ...given }]);
    expect(rules).toEqual([{ ...rule, expires, ...expected }]);
  });

  test('what they do to objects, and what is harmless', async () => {
    const day = new Date('2027-01-01T00:00:00Z');
    const Filter = {};
    const rules = await rulesOf([
      { ID: 'date', Status, Filter, Expiration: { Date: day } },
      { ID: 'marker', Status, Filter, Expiration: { ExpiredObjectDeleteMarker: true } },
      { ID: 'old', Status, Filter, NoncurrentVersionExpiration: { NoncurrentDays: 14 } },
      { ID: 'parts', Status, Filter, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } },
      {
        ID: 'tiers',
        Status,
        Filter,
        Transitions: [
          { Days: 30, StorageClass: 'STANDARD_IA' },
          { Days: 60, StorageClass: 'GLACIER_IR' },
          { Days: 90, StorageClass: 'GLACIER' },
          { Date: day, StorageClass: 'DEEP_ARCHIVE' },
        ],
      },
      { ID: 'off', Status: 'Disabled', Filter, Expiration: { Days: 1 } },
    ]);
    expect(rules).toEqual([
      { ...rule, name: 'date', expires: { from: day } },
      { ...rule, name: 'marker' },
      { ...rule, name: 'old', expiresVersionsAfterDays: 14 },
      { ...rule, name: 'parts' },
      {
        ...rule,
        name: 'tiers',
        transitions: [
          { when: { afterDays: 30 }, storageClass: 'STANDARD_IA', isArchive: false },
          { when: { afterDays: 60 }, storageClass: 'GLACIER_IR', isArchive: false },
          { when: { afterDays: 90 }, storageClass: 'GLACIER', isArchive: true },
          { when: { from: day }, storageClass: 'DEEP_ARCHIVE', isArchive: true },
        ],
      },
    ]);
  });

  test('of Intelligent-Tiering, which spare objects of other classes', async () => {
    const Tierings = [{ Days: 90, AccessTier: 'ARCHIVE_ACCESS' as const }];
    for (const [Id, status] of [
      ['deep', 'Enabled'],
      ['off', 'Disabled'],
    ] as const) {
      const IntelligentTieringConfiguration = {
        ...{ Id, Status: status, Tierings },
        Filter: { Prefix: 'prod/' },
      };
      await client.send(
        new PutBucketIntelligentTieringConfigurationCommand({
          ...{ Bucket: bucket, Id, IntelligentTieringConfiguration },
        }),
      );
    }
    const when = { afterDays: 90 };
    expect((await read()).archiveTiering).toEqual(
      told([
        {
          ...{ name: 'Intelligent-Tiering deep', prefix: 'prod/', isNarrowed: true },
          transitions: [{ when, storageClass: 'ARCHIVE_ACCESS', isArchive: true }],
        },
      ]),
    );
  });
});

test.each([
  ['Enabled', 'on'],
  ['Suspended', 'suspended'],
] as const)('versions %s', async (Status, expected) => {
  const VersioningConfiguration = { Status };
  await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
  expect((await read()).versioning).toEqual(told(expected));
});

test('retention is what every new object gets, not that some may have it', async () => {
  const put = (Rule?: { DefaultRetention: { Mode: 'COMPLIANCE'; Days: number } }) =>
    client.send(
      new PutObjectLockConfigurationCommand({
        Bucket: bucket,
        ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', ...(Rule && { Rule }) },
      }),
    );
  await put();
  expect((await read()).immutability).toEqual(told(false));
  await put({ DefaultRetention: { Mode: 'COMPLIANCE', Days: 30 } });
  expect((await read()).immutability).toEqual(told(true));
});

describe('the key', () => {
  const encryptBy = (KMSMasterKeyID?: string) =>
    client.send(
      new PutBucketEncryptionCommand({
        Bucket: bucket,
        ServerSideEncryptionConfiguration: {
          Rules: [
            {
              ApplyServerSideEncryptionByDefault: {
                SSEAlgorithm: 'aws:kms',
                ...(KMSMasterKeyID !== undefined && { KMSMasterKeyID }),
              },
            },
          ],
        },
      }),
    );

  test('of AWS itself is nobody else to ask about', async () => {
    for (const id of [undefined, 'alias/aws/s3']) {
      await encryptBy(id);
      expect((await read()).encryptionKey).toEqual(told('none'));
    }
  });

  test('of the user is asked about', async () => {
    await encryptBy(KEY);
    const answer = { outcome: 'told', value: { id: KEY, state: 'disabled' } } as const;
    const asked: string[] = [];
    const settings = await read(async (id) => {
      asked.push(id);
      return answer;
    });
    expect(settings.encryptionKey).toEqual(answer);
    expect(asked).toEqual([KEY]);
  });
});

/** Each question by its sub-resource, and the right that it takes. */
const QUESTIONS = [
  ['lifecycle', 'lifecycle', 's3:GetLifecycleConfiguration'],
  ['archiveTiering', 'intelligent-tiering', 's3:GetIntelligentTieringConfiguration'],
  ['versioning', 'versioning', 's3:GetBucketVersioning'],
  ['encryptionKey', 'encryption', 's3:GetEncryptionConfiguration'],
  ['immutability', 'object-lock', 's3:GetBucketObjectLockConfiguration'],
] as const;

describe.each(QUESTIONS)('the question for %s', (name, resource, action) => {
  const failing = async (fault: Fault): Promise<StoreSettings> => {
    server.setFault(({ query }) => (query[resource] === undefined ? undefined : fault));
    const settings = await read();
    const others = QUESTIONS.filter(([other]) => other !== name);
    for (const [other] of others) expect(settings[other].outcome).toBe('told');
    return settings;
  };

  test('denied: the right that is missing', async () => {
    const settings = await failing({ answer: { status: 403, code: 'AccessDenied' } });
    const hint = `Grant ${action} on arn:aws:s3:::${bucket}`;
    expect(settings[name]).toEqual({ outcome: 'unchecked', reason: 'access denied', hint });
  });

  test('throttled, broken off, answered by somebody else: unchecked, not off', async () => {
    const faults: [Fault, string][] = [
      [{ answer: { status: 503, code: 'SlowDown' } }, 'slower pace'],
      [{ reset: 'before' }, 'no usable answer'],
      [{ answer: { status: 404, code: 'NoSuchBucket' } }, 'no such bucket'],
      [{ answer: { status: 404, code: 'NotThere' } }, 'does not accept'],
    ];
    for (const [fault, words] of faults) {
      const reason = expect.stringContaining(words);
      expect((await failing(fault))[name]).toMatchObject({ outcome: 'unchecked', reason });
    }
  });

  test('throttled once: asked again', async () => {
    let faults = 0;
    server.setFault(({ query }) => {
      if (query[resource] === undefined || faults > 0) return undefined;
      faults += 1;
      return { answer: { status: 503, code: 'SlowDown' } };
    });
    expect((await read())[name].outcome).toBe('told');
    expect(faults).toBe(1);
  });

  test.each([
    [501, 'NotImplemented'],
    [405, 'MethodNotAllowed'],
  ])('of a store without it (%i)', async (status, code) => {
    const settings = await failing({ answer: { status, code } });
    // Without the class there is nothing that such a rule could move.
    if (name === 'archiveTiering') expect(settings[name]).toEqual(told([]));
    else expect(settings[name]).toMatchObject({ reason: 'this store has no such setting' });
  });
});

test('a server that does not know the question answers another one: no "none"', async () => {
  const { endpoint, region, credentials } = server;
  const fixed = { ...S3_CLIENT_SETTINGS, endpoint, region, credentials, forcePathStyle: true };
  const deaf = new S3Client(fixed);
  // What it lists then are objects.
  deaf.middlewareStack.add(
    (next) => (args) => {
      const { query } = args.request as { query: Record<string, unknown> };
      for (const [, resource] of QUESTIONS) delete query[resource];
      return next(args);
    },
    { step: 'build' },
  );
  const settings = await read(never, undefined, deaf);
  for (const name of ['lifecycle', 'encryptionKey', 'immutability'] as const) {
    expect(settings[name]).toMatchObject({ reason: 'this store has no such setting' });
  }
});

test('a cancelled question rethrows the reason', async () => {
  const reason = new Error('enough');
  await expect(read(never, AbortSignal.abort(reason))).rejects.toBe(reason);
});
