import type { GoneBackup, LocationLook } from '../ledger/location-look.ts';
import { type Finding, finding, type Severity } from '../model/finding.ts';
import { shown } from '../velero/artefacts/json.ts';
import type { BackupFacts } from '../velero/checks/backup-facts.ts';
import { backupSubject } from '../velero/checks/plain.ts';
import { exactHint } from './hints.ts';

export interface VanishedQuestion {
  readonly url: string;
  readonly now: Date;
  /** Of `metadata.uid` by name, for the backups whose resource could be read. */
  readonly uids?: ReadonlyMap<string, string>;
}

export interface Vanished {
  /** To be kept for the next run; ascending by name, then by when they were missed. */
  readonly gone: readonly GoneBackup[];
  readonly findings: readonly Finding[];
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Velero collects once an hour; clocks differ. */
const END_MARGIN_MS = 2 * HOUR_MS;
const FINDING_DAYS = 7;
/** How long what is gone is remembered. */
export const GONE_KEPT_DAYS = 90;
/** Newest first: who fills and empties a bucket in a loop fills no ledger. */
const KEPT_MAX = 10_000;

/**
 * Backups that the last look saw and that are in the store no longer. Velero removes them when they
 * expire, which is no finding; nothing in the store tells a deletion by hand from an accident.
 * @param present names of all folders below `backups/`, of a complete listing: names that were
 * merely not listed would count as deleted (S7).
 */
export function vanished(
  previous: Pick<LocationLook, 'backups' | 'gone' | 'lookedAt'> | undefined,
  present: ReadonlySet<string>,
  { url, now, uids = new Map() }: VanishedQuestion,
): Vanished {
  if (previous === undefined) return { gone: [], findings: [] };
  const isHere = (backup: string, uid: string): boolean => {
    const found = uids.get(backup);
    // A resource that cannot be read is damage, not absence.
    return present.has(backup) && (found === undefined || uid === '' || found === uid);
  };
  const missing = previous.backups.flatMap((facts) => {
    const isMissing = facts.resource && !isHere(facts.backup, facts.resource.uid);
    return isMissing ? goneBackup(facts, previous.lookedAt, now) : [];
  });
  const again = new Set(missing.map(identityOf));
  const older = previous.gone.filter(
    (known) => !isHere(known.backup, known.uid) && !again.has(identityOf(known)),
  );
  const gone = [...missing, ...older]
    .filter((each) => !isForgotten(each, now))
    .sort((a, b) => Date.parse(b.missedAt) - Date.parse(a.missedAt))
    .slice(0, KEPT_MAX)
    .sort((a, b) => compare(a.backup, b.backup) || compare(a.missedAt, b.missedAt));
  const survivors = previous.backups.filter(
    ({ backup, completeness, resource }) =>
      completeness === 'complete' && resource !== undefined && isHere(backup, resource.uid),
  );
  const findings = gone
    .filter((each) => isFinding(each, now))
    .map((each) =>
      present.has(each.backup)
        ? replaced(each, url, uids.get(each.backup))
        : lost(each, url, severityOf(each, survivors)),
    );
  return { gone, findings };
}

function identityOf({ backup, uid }: GoneBackup): string {
  return JSON.stringify([backup, uid]);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function goneBackup(facts: BackupFacts, lastSeenAt: string, now: Date): readonly GoneBackup[] {
  const { backup, resource, completeness } = facts;
  if (resource === undefined) return [];
  const { uid, schedule, startedAt, expiresAt } = resource;
  return [
    {
      backup,
      uid,
      ...(schedule === undefined ? {} : { schedule }),
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      lastSeenAt,
      missedAt: now.toISOString(),
      // What Velero calls failed is no backup that anybody could miss.
      wasComplete: completeness === 'complete' && resource.phase !== 'Failed',
    },
  ];
}

/**
 * Whether it is no longer remembered: long after its end, and after it was missed. By the first
 * alone whoever writes another expiration could have a backup forgotten in the hour that it goes.
 */
export function isForgotten(gone: GoneBackup, now: Date): boolean {
  const sinceMs = Math.max(endOf(gone), Date.parse(gone.missedAt));
  return now.getTime() - sinceMs >= GONE_KEPT_DAYS * DAY_MS;
}

/** When its retention was over, as far as that lies behind the moment that it was missed. */
function endOf({ expiresAt, missedAt }: GoneBackup): number {
  const expiry = Date.parse(expiresAt ?? '');
  const missed = Date.parse(missedAt);
  return Number.isNaN(expiry) || expiry - missed > FAR_DAYS * DAY_MS ? missed : expiry;
}

/** An expiration beyond this is none that anybody meant. */
const FAR_DAYS = 3_660;

function isFinding(gone: GoneBackup, now: Date): boolean {
  const missed = Date.parse(gone.missedAt);
  if (now.getTime() - missed > FINDING_DAYS * DAY_MS) return false;
  const expiry = Date.parse(gone.expiresAt ?? '');
  return Number.isNaN(expiry) || expiry > missed + END_MARGIN_MS;
}

/** Critical when none is left of the complete backups that were there with it. */
function severityOf(gone: GoneBackup, survivors: readonly BackupFacts[]): Severity {
  if (!gone.wasComplete) return 'warning';
  const stays = survivors.some(
    ({ resource }) => Date.parse(resource?.startedAt ?? '') < Date.parse(gone.lastSeenAt),
  );
  return stays ? 'error' : 'critical';
}

function evidenceOf({ uid, startedAt, expiresAt, lastSeenAt, missedAt }: GoneBackup) {
  return {
    uid,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    lastSeenAt,
    missedAt,
  };
}

function lost(gone: GoneBackup, url: string, severity: Severity): Finding {
  const kind = gone.wasComplete ? 'Backup' : 'Incomplete backup';
  const until = gone.expiresAt === undefined ? '' : `, and was to stay until ${gone.expiresAt}`;
  const all = severity === 'critical' ? '; no complete backup of that time is left' : '';
  const message = `${kind} ${shown(gone.backup)} is gone: it was last seen at ${gone.lastSeenAt}${until}${all}`;
  const evidence = evidenceOf(gone);
  return finding('BACKUP_VANISHED', backupSubject(url, gone.backup), message, {
    severity,
    ...exactHint('BACKUP_VANISHED', { backup: gone.backup }),
    evidence,
  });
}

function replaced(gone: GoneBackup, url: string, uid: string | undefined): Finding {
  const message = `Backup ${shown(gone.backup)} is another one than the one last seen at ${gone.lastSeenAt}`;
  const evidence = { ...evidenceOf(gone), ...(uid === undefined ? {} : { uidNow: uid }) };
  return finding('BACKUP_REPLACED', backupSubject(url, gone.backup), message, { evidence });
}
