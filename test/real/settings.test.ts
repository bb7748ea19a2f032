/** Settings of buckets and states of keys as moto's S3 and KMS tell them; signatures by its keys. */
import {
  CreateKeyCommand,
  type CreateKeyCommandInput,
  DisableKeyCommand,
  KMSClient,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms';
import {
  CreateBucketCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kmsKeys, kmsSigner } from '../../functions/clients/kms.ts';
import { checkSignature, signValue } from '../../shared/ledger/signature.ts';
import { RETRY_DEFAULTS, repeating } from '../../shared/stores/retrying.ts';
import { S3_CLIENT_SETTINGS } from '../../shared/stores/s3.ts';
import { s3SettingsReader } from '../../shared/stores/s3-settings.ts';
import type { StoreSettings } from '../../shared/stores/settings.ts';
import { fakeClock } from '../support/clock.ts';
import { type S3Service, startMoto, startVersitygw } from './s3-services.ts';

const told = <T>(value: T) => ({ outcome: 'told', value });
let moto: S3Service;
let kms: KMSClient;

beforeAll(async () => {
  moto = await startMoto();
  kms = new KMSClient(moto);
});
afterAll(async () => {
  kms.destroy();
  await moto.stop();
});

function clientOf({ endpoint, region, credentials }: S3Service): S3Client {
  const fixed = { ...S3_CLIENT_SETTINGS, endpoint, region, credentials, forcePathStyle: true };
  return new S3Client(fixed);
}

async function read(service: S3Service, bucket: string): Promise<StoreSettings> {
  const client = clientOf(service);
  const repeat = repeating({ ...RETRY_DEFAULTS, random: () => 0 }, fakeClock());
  const settings = await s3SettingsReader({
    client,
    bucket,
    repeat,
    describeKey: kmsKeys(moto),
  }).read();
  client.destroy();
  return settings;
}

async function createKey(input: CreateKeyCommandInput = {}): Promise<string> {
  return (await kms.send(new CreateKeyCommand(input))).KeyMetadata?.Arn ?? '';
}

/** For moto, which changes no key by its ARN. */
const shortId = (arn: string): string => arn.replace(/^.*\//, '');

describe('a bucket of moto', () => {
  test('of which nobody has set anything', async () => {
    await moto.createBucket('plain');
    expect(await read(moto, 'plain')).toMatchObject({
      lifecycle: told([]),
      archiveTiering: told([]),
      versioning: told('off'),
      encryptionKey: told('none'),
      immutability: told(false),
    });
  });

  test('with rules, versions, retention, and a key that will be deleted', async () => {
    const client = clientOf(moto);
    const Bucket = 'kept';
    await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
    await client.send(
      new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
    );
    await client.send(
      new PutBucketLifecycleConfigurationCommand({
        Bucket,
        LifecycleConfiguration: {
          Rules: [
            {
              ...{ ID: 'eater', Status: 'Enabled', Expiration: { Days: 30 } },
              Filter: { And: { Prefix: 'prod/', Tags: [{ Key: 'a', Value: 'b' }] } },
              NoncurrentVersionExpiration: { NoncurrentDays: 7 },
              Transitions: [{ Days: 20, StorageClass: 'DEEP_ARCHIVE' }],
            },
            { ID: 'older', Status: 'Enabled', Prefix: 'logs/', Expiration: { Days: 1 } },
          ],
        },
      }),
    );
    await client.send(
      new PutObjectLockConfigurationCommand({
        Bucket,
        ObjectLockConfiguration: {
          ObjectLockEnabled: 'Enabled',
          Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 1 } },
        },
      }),
    );
    const KMSMasterKeyID = await createKey();
    await client.send(
      new PutBucketEncryptionCommand({
        Bucket,
        ServerSideEncryptionConfiguration: {
          Rules: [
            { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID } },
          ],
        },
      }),
    );
    client.destroy();
    const deletion = { KeyId: shortId(KMSMasterKeyID), PendingWindowInDays: 7 };
    await kms.send(new ScheduleKeyDeletionCommand(deletion));
    const when = { afterDays: 20 };
    expect(await read(moto, Bucket)).toMatchObject({
      lifecycle: told([
        {
          ...{ name: 'eater', prefix: 'prod/', isNarrowed: true },
          ...{ expires: { afterDays: 30 }, expiresVersionsAfterDays: 7 },
          transitions: [{ when, storageClass: 'DEEP_ARCHIVE', isArchive: true }],
        },
        { name: 'older', prefix: 'logs/', isNarrowed: false, expires: { afterDays: 1 } },
      ]),
      versioning: told('on'),
      encryptionKey: told({
        ...{ id: KMSMasterKeyID, state: 'pending-deletion', deletionAt: expect.any(Date) },
      }),
      immutability: told(true),
    });
  });
});

test('a bucket of versitygw tells what it has, and that it has not the rest', async () => {
  const versitygw = await startVersitygw();
  await versitygw.createBucket('plain');
  const settings = await read(versitygw, 'plain');
  await versitygw.stop();
  expect(settings).toMatchObject({
    lifecycle: { outcome: 'unchecked', reason: 'this store has no such setting' },
    archiveTiering: told([]),
    immutability: told(false),
  });
});

describe('a key of moto', () => {
  test('is enabled, disabled, or not there', async () => {
    const ask = kmsKeys(moto);
    const id = await createKey();
    expect(await ask(id)).toEqual(told({ id, state: 'enabled' }));
    await kms.send(new DisableKeyCommand({ KeyId: shortId(id) }));
    expect(await ask(id)).toEqual(told({ id, state: 'disabled' }));
    const gone = id.replace(/[^/]+$/, '00000000-0000-4000-8000-000000000000');
    expect(await ask(gone)).toEqual(told({ id: gone, state: 'unavailable' }));
    // Without an account in it, it may be a key of another one.
    expect(await ask('00000000-0000-4000-8000-000000000000')).toMatchObject({
      outcome: 'unchecked',
      reason: expect.stringContaining('there is no such key'),
    });
  });

  test('is asked in vain where nobody answers', async () => {
    const answer = await kmsKeys({ ...moto, endpoint: 'http://127.0.0.1:1' })('alias/x');
    const reason = expect.stringContaining('no usable answer (ECONNREFUSED)');
    expect(answer).toMatchObject({ outcome: 'unchecked', reason });
  });

  test('signs what its public half checks', async () => {
    const KeyUsage = 'SIGN_VERIFY';
    const arn = await createKey({ KeySpec: 'ECC_NIST_P256', KeyUsage });
    const signer = await kmsSigner(arn, moto);
    expect(signer.keyId).toMatch(/^ecdsa-p256:/);
    const signature = await signValue('note', { a: 1 }, signer);
    expect(await checkSignature('note', { a: 1, signature } as object, [signer])).toBe('good');
    expect(await checkSignature('note', { a: 2, signature } as object, [signer])).toBe('wrong');
  });

  test.each<CreateKeyCommandInput>([
    {},
    { KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' },
    { KeySpec: 'ECC_NIST_P384', KeyUsage: 'SIGN_VERIFY' },
  ])('cannot sign when it is %j', async (input) => {
    const arn = await createKey(input);
    await expect(kmsSigner(arn, moto)).rejects.toThrow(/Cannot (sign by|get the public half of)/);
  });
});
