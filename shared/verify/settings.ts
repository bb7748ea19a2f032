import type { Location } from '../config/location.ts';
import { type Finding, type FindingCode, finding } from '../model/finding.ts';
import type { EncryptionKey, LifecycleRule, RuleTime, StoreSettings } from '../stores/settings.ts';
import { readCost } from '../stores/storage-class.ts';
import type { BackupFacts } from '../velero/checks/backup-facts.ts';
import { BACKUPS, KOPIA, RESTIC } from '../velero/layout.ts';

/** The settings of a location, and what they are judged by. */
export interface SettingsQuestion {
  readonly settings: StoreSettings;
  readonly location: Location;
  readonly layout: 'velero' | 'kopia';
  /** What findings call the location. */
  readonly url: string;
  readonly isReplica: boolean;
  readonly now: Date;
}

/** What would eat the backups of a location, what would not bring them back, and what nobody told. */
export function settingsFindings(question: SettingsQuestion): readonly Finding[] {
  return [
    ...ruleFindings(question),
    ...keyFindings(question),
    ...protectionFindings(question),
    ...uncheckedFindings(question),
  ];
}

/**
 * One finding per backup with objects of an archive class that could be read all the same: of S3
 * that is a copy which somebody brought back for some days. What could not be read is a finding of
 * the look itself.
 */
export function archivedFindings(url: string, facts: readonly BackupFacts[]): readonly Finding[] {
  return facts.flatMap(({ backup, objects, findings }) => {
    const archived = objects.filter(({ storageClass }) => readCost(storageClass) === 'archived');
    const [first] = archived;
    const isKnown = findings.some(({ code }) => code === 'ARTEFACT_ARCHIVED');
    if (first === undefined || isKnown) return [];
    const message = `${archived.length} of ${objects.length} objects belong to an archive tier, the first to ${first.storageClass}: "${first.key}"`;
    const evidence = { objects: archived.slice(0, SHOWN_MAX).map(({ key }) => key) };
    return [finding('OBJECTS_ARCHIVED', `${url}/${BACKUPS}${backup}`, message, { evidence })];
  });
}

const SHOWN_MAX = 20;

/** One thing that a rule does to keys of the location. */
interface Deed {
  readonly rule: LifecycleRule;
  readonly when: RuleTime;
  /** Keys that begin with one of these are needed by a restore. */
  readonly needed: readonly string[];
  /** Of the archive. */
  readonly storageClass?: string;
}

function ruleFindings(question: SettingsQuestion): Finding[] {
  const { settings, location, layout } = question;
  const rules = [settings.lifecycle, settings.archiveTiering].flatMap((setting) =>
    setting.outcome === 'told' ? setting.value : [],
  );
  const root = location.kind === 'file' ? '' : location.prefix;
  // A rule for restores/ alone does no harm: Velero writes results there, and reads none back.
  const folders = layout === 'kopia' ? [''] : [BACKUPS, KOPIA, RESTIC];
  const [expiring, archiving]: [Deed[], Deed[]] = [[], []];
  for (const rule of rules) {
    const needed = folders
      .map((folder) => root + folder)
      .filter((prefix) => prefix.startsWith(rule.prefix) || rule.prefix.startsWith(prefix));
    if (needed.length === 0) continue;
    if (rule.expires !== undefined) expiring.push({ rule, needed, when: rule.expires });
    for (const { when, storageClass, isArchive } of rule.transitions) {
      if (isArchive) archiving.push({ rule, needed, when, storageClass });
    }
  }
  return [
    ...perRule(expiring).map((deeds) => ruleFinding('LIFECYCLE_EXPIRES', question, deeds)),
    ...perRule(archiving).map((deeds) => ruleFinding('LIFECYCLE_ARCHIVES', question, deeds)),
  ];
}

/** A rule of Azure with several prefixes is told as several of one name: one alert all the same. */
function perRule(deeds: readonly Deed[]): (readonly [Deed, ...Deed[]])[] {
  const byName = new Map<string, [Deed, ...Deed[]]>();
  for (const deed of deeds) {
    const others = byName.get(deed.rule.name);
    if (others === undefined) byName.set(deed.rule.name, [deed]);
    else others.push(deed);
  }
  return [...byName.values()];
}

function ruleFinding(
  code: 'LIFECYCLE_EXPIRES' | 'LIFECYCLE_ARCHIVES',
  question: SettingsQuestion,
  deeds: readonly [Deed, ...Deed[]],
): Finding {
  const { url, now } = question;
  const worst = deeds.find(({ rule }) => !rule.isNarrowed) ?? deeds[0];
  const { rule, when, storageClass } = worst;
  const below = [...new Set(deeds.flatMap(keysOf))].sort();
  const where = below.map((prefix) => `"${prefix}"`).join(', ');
  const objects = `objects below ${where}${rule.isNarrowed ? ' that meet its conditions' : ''}`;
  const does =
    storageClass === undefined ? `removes ${objects}` : `moves ${objects} to ${storageClass}`;
  const hint = ruleHint(question, rule, storageClass);
  return finding(
    code,
    `${url} lifecycle rule ${rule.name}`,
    `The lifecycle rule "${rule.name}" ${does} ${timeText(when, now)}`,
    {
      ...(rule.isNarrowed && { severity: 'warning' }),
      ...(hint !== undefined && { hint }),
      evidence: { rule: rule.name, below },
    },
  );
}

/** All rules are written at once, so that they are read, changed and put back. */
function ruleHint(
  { settings, location }: SettingsQuestion,
  rule: LifecycleRule,
  storageClass: string | undefined,
): string | undefined {
  const { archiveTiering } = settings;
  const isTiering = archiveTiering.outcome === 'told' && archiveTiering.value.includes(rule);
  if (isTiering || location.kind === 'file') return undefined;
  if (location.kind === 's3') {
    const action = storageClass === undefined ? 'Expiration' : 'Transitions';
    const options = `lifecycle-configuration --bucket ${location.bucket}`;
    return `Run "aws s3api get-bucket-${options} --query '{Rules: Rules}' > rules.json", take "${action}" out of the rule there, or limit its prefix, then run "aws s3api put-bucket-${options} --lifecycle-configuration file://rules.json"`;
  }
  const action = storageClass === undefined ? 'delete' : 'tierToArchive';
  const options = `--account-name ${location.account} --resource-group <group>`;
  return `Run "az storage account management-policy show ${options} --query policy > policy.json", take "${action}" of "baseBlob" out of the rule there, or limit its prefixes, then run "az storage account management-policy create ${options} --policy @policy.json"`;
}

/** What the rule and the location have in common. */
function keysOf({ rule, needed }: Deed): string[] {
  return needed.map((prefix) => (prefix.length > rule.prefix.length ? prefix : rule.prefix));
}

function timeText(when: RuleTime, now: Date): string {
  if ('from' in when) {
    const day = when.from.toISOString().slice(0, 10);
    return when.from <= now ? `since ${day}` : `from ${day} on`;
  }
  return when.afterDays === 1 ? 'after 1 day' : `after ${when.afterDays} days`;
}

function keyFindings({ settings, url }: SettingsQuestion): Finding[] {
  const { encryptionKey } = settings;
  if (encryptionKey.outcome !== 'told' || encryptionKey.value === 'none') return [];
  const { id, state, deletionAt } = encryptionKey.value;
  if (state === 'enabled') return [];
  const key = `The key "${id}", which new objects are encrypted with,`;
  if (state !== 'pending-deletion') {
    const message = `${key} is ${state}`;
    const hint = state === 'disabled' ? enableHint(encryptionKey.value) : undefined;
    return [keyFinding('KEY_UNUSABLE', url, message, encryptionKey.value, hint)];
  }
  const at = deletionAt === undefined ? 'at a date not told' : `at ${deletionAt.toISOString()}`;
  const message = `${key} will be deleted ${at}`;
  const hint = isOfKms(id)
    ? `Run "aws kms cancel-key-deletion --key-id ${id}" and then "${enableCommand(id)}"`
    : undefined;
  return [keyFinding('KEY_PENDING_DELETION', url, message, encryptionKey.value, hint)];
}

function keyFinding(
  code: FindingCode,
  url: string,
  message: string,
  { id, deletionAt }: EncryptionKey,
  hint: string | undefined,
): Finding {
  const evidence = { key: id, ...(deletionAt && { deletionAt: deletionAt.toISOString() }) };
  return finding(code, url, message, { ...(hint !== undefined && { hint }), evidence });
}

const isOfKms = (id: string): boolean => id.startsWith('arn:');
const enableCommand = (id: string): string => `aws kms enable-key --key-id ${id}`;

function enableHint({ id }: EncryptionKey): string {
  return isOfKms(id)
    ? `Run "${enableCommand(id)}"`
    : `Run "az keyvault key set-attributes --id ${id} --enabled true"`;
}

function protectionFindings({ settings, location, url, isReplica }: SettingsQuestion): Finding[] {
  const { versioning, softDeleteDays, immutability } = settings;
  // Whatever is not known may be what protects them.
  if (versioning.outcome !== 'told' || versioning.value === 'on') return [];
  if (softDeleteDays.outcome !== 'told' || softDeleteDays.value > 0) return [];
  if (immutability.outcome !== 'told' || immutability.value) return [];
  const what = isReplica ? 'this replica' : 'this location';
  const state = versioning.value === 'off' ? 'off' : 'suspended';
  const message = `Nothing brings back an object of ${what} that was removed or overwritten: versions are ${state}, and there is neither soft delete nor retention`;
  const hint = versionsHint(location);
  return [finding('VERSIONING_OFF', url, message, { ...(hint !== undefined && { hint }) })];
}

function versionsHint(location: Location): string | undefined {
  if (location.kind === 's3') {
    return `Run "aws s3api put-bucket-versioning --bucket ${location.bucket} --versioning-configuration Status=Enabled", and add a lifecycle rule that removes old versions after some weeks`;
  }
  if (location.kind === 'azblob') {
    return `Run "az storage account blob-service-properties update --account-name ${location.account} --enable-versioning true --enable-delete-retention true --delete-retention-days 14"`;
  }
  return undefined;
}

const NAMES: Readonly<Record<keyof StoreSettings, string>> = {
  lifecycle: 'lifecycle rules',
  archiveTiering: 'archive tiers',
  versioning: 'versions',
  softDeleteDays: 'soft delete',
  encryptionKey: 'encryption key',
  immutability: 'retention',
};

function uncheckedFindings({ settings, url }: SettingsQuestion): Finding[] {
  const [unchecked, hints]: [string[], Set<string>] = [[], new Set()];
  for (const name of Object.keys(NAMES) as (keyof StoreSettings)[]) {
    const setting = settings[name];
    if (setting.outcome === 'told') continue;
    unchecked.push(`${NAMES[name]}: ${setting.reason}`);
    hints.add(setting.hint);
  }
  if (unchecked.length === 0) return [];
  const message = `Not known of this location: ${unchecked.join('; ')}`;
  const hint = [...hints].join('; ');
  return [finding('SETTINGS_UNCHECKED', url, message, { hint, evidence: { unchecked } })];
}
