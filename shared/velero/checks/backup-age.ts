import { type Finding, finding } from '../../model/finding.ts';
import type { ObjectInfo } from '../../stores/store.ts';
import { metadataKey, parseBackupKey } from '../layout.ts';
import { type BackupFacts, CHECKS_VERSION } from './backup-facts.ts';
import { addressed, backupSubject, examplesOf } from './plain.ts';

const HOUR_MS = 3_600_000;
/** Beyond what Velero itself allows: its polls, its queue, a slow upload. */
const MARGIN_MS = HOUR_MS / 2;
/** Velero's default, for operations and for the collection of a backup. */
const OPERATIONS_MS = 4 * HOUR_MS;
/** From the log, which Velero writes first, to velero-backup.json; a replica's is written last. */
const UPLOAD_MS = HOUR_MS;
/** Whoever was to finish a backup has given it up by then: a change would show in the listing. */
const ABANDONED_MS = 7 * 24 * HOUR_MS;

/**
 * What the hour makes of a backup that is not complete (reference `velero.md` 2.1, 2.4): still at
 * work, stuck, or what a failed upload left behind. Pure.
 */
export function ageFindings(
  facts: BackupFacts,
  { url, now }: { readonly url: string; readonly now: Date },
): readonly Finding[] {
  if (facts.completeness === 'complete') return [];
  return addressed(unfinishedFindings(facts, url, now), facts.backup);
}

function unfinishedFindings(facts: BackupFacts, url: string, now: Date): readonly Finding[] {
  const subject = backupSubject(url, facts.backup);
  const reason = facts.incompleteReason ?? 'it is not complete';
  if (facts.completeness === 'debris') {
    // What is wrong with metadata that is there, the look itself has said.
    if (facts.objects.some(({ key }) => key === metadataKey(facts.backup))) return [];
    if (now.getTime() < newestMs(facts) + UPLOAD_MS) return [unfinished(subject, reason)];
    const message = `Velero ignores this folder: ${reason}`;
    const files = examplesOf(facts.objects.map(({ key }) => parseBackupKey(key)?.file ?? key));
    return [finding('BACKUP_DEBRIS', subject, message, { evidence: { files } })];
  }
  const limit = limitOf(facts);
  if (now.getTime() < limit.untilMs) return [unfinished(subject, reason)];
  const until = new Date(limit.untilMs).toISOString();
  const message = `The backup is not finished: ${reason}, and ${limit.what} had until ${until}`;
  return [finding('BACKUP_STUCK', subject, message, { evidence: { until } })];
}

function unfinished(subject: string, reason: string): Finding {
  return finding('BACKUP_UNFINISHED', subject, `Not complete in the store yet: ${reason}`);
}

/** Until when a backup may be unfinished, and who would have to finish it. */
function limitOf(facts: BackupFacts): { readonly untilMs: number; readonly what: string } {
  const { resource } = facts;
  const phase = resource?.phase ?? '';
  const startedAt = resource?.startedAt ?? resource?.createdAt;
  const startedMs = startedAt === undefined ? newestMs(facts) : Date.parse(startedAt);
  if (phase.startsWith('WaitingForPluginOperations')) {
    const allowedMs = resource?.itemOperationTimeoutMs ?? OPERATIONS_MS;
    return { untilMs: startedMs + allowedMs + MARGIN_MS, what: 'its operations' };
  }
  if (phase.startsWith('Finalizing')) {
    const metadata = facts.objects.find(({ key }) => key === metadataKey(facts.backup));
    const writtenMs = metadata === undefined ? startedMs : Date.parse(metadata.lastModified);
    return { untilMs: writtenMs + MARGIN_MS, what: 'the finalizer' };
  }
  return { untilMs: newestMs(facts) + OPERATIONS_MS + MARGIN_MS, what: 'the server' };
}

function newestMs({ objects }: BackupFacts): number {
  return objects.reduce((newest, each) => Math.max(newest, Date.parse(each.lastModified)), 0);
}

/**
 * Whether a backup has to be read (again): when it is new, when an object of it is another one than
 * at the last look, when another Drydock looked, when it was not finished then, or when an object lay in an archive tier, from
 * where it comes back with the same ETag. Pure.
 * @param facts of the last look.
 * @param files of the backup's folder, from the listing.
 */
export function needsLook(
  facts: BackupFacts | undefined,
  files: readonly ObjectInfo[],
  now: Date,
): boolean {
  if (facts === undefined || facts.objects.length !== files.length) return true;
  if (facts.checks !== CHECKS_VERSION) return true;
  const known = new Map(facts.objects.map((object) => [object.key, object]));
  const isSame = files.every(({ key, etag, sizeBytes, storageClass }) => {
    const one = known.get(key);
    return one?.etag === etag && one.sizeBytes === sizeBytes && one.storageClass === storageClass;
  });
  if (!isSame || facts.findings.some(({ code }) => code === 'ARTEFACT_ARCHIVED')) return true;
  return facts.completeness === 'unfinished' && now.getTime() < newestMs(facts) + ABANDONED_MS;
}
