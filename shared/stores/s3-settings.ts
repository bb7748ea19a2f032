import {
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  type IntelligentTieringConfiguration,
  ListBucketIntelligentTieringConfigurationsCommand,
  type S3Client,
  type LifecycleRule as S3Rule,
} from '@aws-sdk/client-s3';
import type { Repeat } from './retrying.ts';
import { translateS3Error } from './s3-errors.ts';
import { type SendOptions, sendOptions } from './s3-objects.ts';
import { askSetting } from './setting-answers.ts';
import type {
  DescribeKey,
  EncryptionKey,
  LifecycleRule,
  RuleTime,
  Setting,
  StoreSettings,
  StoreSettingsReader,
} from './settings.ts';
import { readCost } from './storage-class.ts';
import type { CallOptions } from './store.ts';
import { StoreError } from './store-error.ts';

export interface S3SettingsOptions {
  /** Built with `S3_CLIENT_SETTINGS`. */
  readonly client: S3Client;
  readonly bucket: string;
  readonly repeat: Repeat;
  /** Asks about a key by its ARN, or by an id or alias of the bucket's own account and region. */
  readonly describeKey: DescribeKey;
}

/** Five requests, and the one of `describeKey`; each answer stands on its own. */
export function s3SettingsReader(options: S3SettingsOptions): StoreSettingsReader {
  return {
    async read(call = {}): Promise<StoreSettings> {
      const [lifecycle, archiveTiering, versioning, encryptionKey, immutability] =
        await Promise.all([
          ask(options, LIFECYCLE, call),
          ask(options, ARCHIVE_TIERING, call),
          ask(options, VERSIONING, call),
          encryptionKeyOf(options, call),
          ask(options, OBJECT_LOCK, call),
        ]);
      const softDeleteDays = { outcome: 'told', value: 0 } as const;
      return {
        ...{ lifecycle, archiveTiering, versioning },
        ...{ softDeleteDays, encryptionKey, immutability },
      };
    },
  };
}

interface Question<T> {
  /** The right that it takes. */
  readonly action: string;
  /** As it follows "Cannot": part of messages. */
  readonly verb: string;
  /** Errors by which S3 says that nobody has set it, and what that means. */
  readonly absent?: { readonly names: readonly string[]; readonly value: T };
  send(client: S3Client, bucket: string, options: SendOptions): Promise<T>;
}

function ask<T>(
  { client, bucket, repeat }: S3SettingsOptions,
  { action, verb, absent, send }: Question<T>,
  call: CallOptions,
): Promise<Setting<T>> {
  const attempt = { verb, url: `s3://${bucket}`, signal: call.signal };
  const once = async (): Promise<T> => {
    try {
      return await send(client, bucket, sendOptions(call.signal));
    } catch (error) {
      const name = error instanceof Error ? error.name : '';
      if (absent?.names.includes(name)) return absent.value;
      throw translateS3Error(error, attempt);
    }
  };
  return askSetting(`${action} on arn:aws:s3:::${bucket}`, () => repeat(once, call), call);
}

/** A server that does not know the question may answer another one: that is no "none". */
function stated<T>(value: T | undefined): T {
  if (value === undefined) throw new StoreError('unsupported', 'Cannot use an empty answer');
  return value;
}

const LIFECYCLE: Question<readonly LifecycleRule[]> = {
  action: 's3:GetLifecycleConfiguration',
  verb: 'read the lifecycle rules of',
  absent: { names: ['NoSuchLifecycleConfiguration'], value: [] },
  async send(client, Bucket, options) {
    const command = new GetBucketLifecycleConfigurationCommand({ Bucket });
    return stated((await client.send(command, options)).Rules).flatMap(lifecycleRule);
  },
};

/** Below this, packs and tarballs are among the objects that a lower bound lets through. */
const NARROW_FROM_BYTES = 1024 * 1024;

function lifecycleRule(rule: S3Rule): LifecycleRule[] {
  if (rule.Status !== 'Enabled') return [];
  const { Filter: filter = {}, Expiration, NoncurrentVersionExpiration } = rule;
  const { And: and = {} } = filter;
  const prefix = filter.Prefix ?? and.Prefix ?? rule.Prefix ?? '';
  const atLeastBytes = filter.ObjectSizeGreaterThan ?? and.ObjectSizeGreaterThan ?? 0;
  const atMostBytes = filter.ObjectSizeLessThan ?? and.ObjectSizeLessThan;
  const hasTags = filter.Tag !== undefined || (and.Tags ?? []).length > 0;
  const expires = ruleTime(Expiration?.Days, Expiration?.Date);
  const versionDays = NoncurrentVersionExpiration?.NoncurrentDays;
  const transitions = (rule.Transitions ?? []).flatMap(({ Days, Date: date, StorageClass }) => {
    const when = ruleTime(Days, date);
    if (when === undefined || StorageClass === undefined) return [];
    return [{ when, storageClass: StorageClass, isArchive: readCost(StorageClass) === 'archived' }];
  });
  return [
    {
      name: rule.ID ?? `for "${prefix}"`,
      prefix,
      isNarrowed: hasTags || atMostBytes !== undefined || atLeastBytes >= NARROW_FROM_BYTES,
      ...(expires !== undefined && { expires }),
      ...(versionDays !== undefined && { expiresVersionsAfterDays: versionDays }),
      transitions,
    },
  ];
}

function ruleTime(days: number | undefined, date: Date | undefined): RuleTime | undefined {
  if (days !== undefined) return { afterDays: days };
  return date === undefined ? undefined : { from: date };
}

/** S3 keeps at most 1,000 configurations, and lists 100 on a page. */
const PAGES_MAX = 20;

const ARCHIVE_TIERING: Question<readonly LifecycleRule[]> = {
  action: 's3:GetIntelligentTieringConfiguration',
  verb: 'read the Intelligent-Tiering of',
  // Where there is no such class, nothing moves objects of it.
  absent: { names: ['NotImplemented', 'MethodNotAllowed'], value: [] },
  async send(client, Bucket, options) {
    const rules: LifecycleRule[] = [];
    let ContinuationToken: string | undefined;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const answer = await client.send(
        new ListBucketIntelligentTieringConfigurationsCommand({
          Bucket,
          ...(ContinuationToken !== undefined && { ContinuationToken }),
        }),
        options,
      );
      rules.push(...(answer.IntelligentTieringConfigurationList ?? []).flatMap(tieringRule));
      ContinuationToken = answer.NextContinuationToken;
      if (ContinuationToken === undefined) return rules;
    }
    throw new StoreError('unsupported', 'Cannot use a list without end');
  },
};

function tieringRule(configuration: IntelligentTieringConfiguration): LifecycleRule[] {
  const { Id = '', Status, Filter: filter = {}, Tierings = [] } = configuration;
  if (Status !== 'Enabled') return [];
  const transitions = Tierings.flatMap(({ Days, AccessTier }) =>
    Days === undefined || AccessTier === undefined
      ? []
      : [{ when: { afterDays: Days }, storageClass: AccessTier, isArchive: true }],
  );
  const prefix = filter.Prefix ?? filter.And?.Prefix ?? '';
  // Objects of other classes are spared.
  return [{ name: `Intelligent-Tiering ${Id}`, prefix, isNarrowed: true, transitions }];
}

const VERSIONING: Question<'on' | 'suspended' | 'off'> = {
  action: 's3:GetBucketVersioning',
  verb: 'read the versioning of',
  async send(client, Bucket, options) {
    const { Status } = await client.send(new GetBucketVersioningCommand({ Bucket }), options);
    if (Status === 'Enabled') return 'on';
    return Status === 'Suspended' ? 'suspended' : 'off';
  },
};

/** Retention that every new object gets; what writers set by themselves is not known here. */
const OBJECT_LOCK: Question<boolean> = {
  action: 's3:GetBucketObjectLockConfiguration',
  verb: 'read the Object Lock of',
  absent: { names: ['ObjectLockConfigurationNotFoundError'], value: false },
  async send(client, Bucket, options) {
    const answer = await client.send(new GetObjectLockConfigurationCommand({ Bucket }), options);
    const { ObjectLockEnabled, Rule } = answer.ObjectLockConfiguration ?? {};
    return stated(ObjectLockEnabled) === 'Enabled' && Rule?.DefaultRetention?.Mode !== undefined;
  },
};

const ENCRYPTION: Question<'none' | { readonly keyId: string }> = {
  action: 's3:GetEncryptionConfiguration',
  verb: 'read the encryption of',
  absent: { names: ['ServerSideEncryptionConfigurationNotFoundError'], value: 'none' },
  async send(client, Bucket, options) {
    const answer = await client.send(new GetBucketEncryptionCommand({ Bucket }), options);
    const [rule] = stated(answer.ServerSideEncryptionConfiguration?.Rules);
    const keyId = rule?.ApplyServerSideEncryptionByDefault?.KMSMasterKeyID;
    // That of AWS itself, which nobody can disable.
    const isOfVendor = keyId === undefined || keyId.endsWith('alias/aws/s3');
    return isOfVendor ? 'none' : { keyId };
  },
};

async function encryptionKeyOf(
  options: S3SettingsOptions,
  call: CallOptions,
): Promise<Setting<'none' | EncryptionKey>> {
  const setting = await ask(options, ENCRYPTION, call);
  if (setting.outcome === 'unchecked') return setting;
  if (setting.value === 'none') return { outcome: 'told', value: 'none' };
  return await options.describeKey(setting.value.keyId, call);
}
