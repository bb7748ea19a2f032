import { hash } from 'node:crypto';
import type { LocationLook } from '../ledger/location-look.ts';
import { PROOF_SKEW_MS } from '../ledger/proofs.ts';
import type { Deadline } from '../model/clock.ts';
import type { Finding } from '../model/finding.ts';
import { forEachLimited } from '../model/limited.ts';
import type { ObjectInfo } from '../stores/store.ts';
import { isStoreError } from '../stores/store-error.ts';
import { needsLook } from '../velero/checks/backup-age.ts';
import type { BackupFacts } from '../velero/checks/backup-facts.ts';
import { lookAtBackup } from '../velero/checks/backup-look.ts';
import { backupSubject } from '../velero/checks/plain.ts';
import type { VeleroRoot } from '../velero/checks/root.ts';
import type { VerifyConfig, VerifyDeps, VerifyLocation } from './job.ts';
import { checkSight } from './sight.ts';

export interface BackupsRun {
  readonly deps: VerifyDeps;
  readonly location: VerifyLocation;
  readonly config: Pick<VerifyConfig, 'since' | 'backup' | 'rung' | 'settings'>;
  readonly runId: string;
  readonly now: Date;
  readonly deadline: Deadline;
  /** Keeps what was read so far, for a run that is killed. */
  readonly keep: (facts: readonly BackupFacts[], tampered: readonly Finding[]) => Promise<void>;
}

export interface BackupLooks {
  /** Ascending by name; those that were read now, and those that are as they were. */
  readonly facts: readonly BackupFacts[];
  /** Backups that are not what they were at first sight. */
  readonly tampered: readonly Finding[];
  /** How many were read now. */
  readonly read: number;
  /** Those that could not be read now, each with the reason; what they were before is judged. */
  readonly unread: ReadonlyMap<string, string>;
  /** The deadline came first. */
  readonly isCut: boolean;
  /** Every backup of the store is among `facts` as it is now. */
  readonly isComplete: boolean;
}

/** Small backups are read together, large tarballs one at a time: a core inflates one at once. */
const AT_ONCE = { concurrency: 8, weightMax: 256 * 1024 * 1024 };
const KEPT_EVERY = 100;

/**
 * Which backups have to be read, by name: what is new or has changed, and what was read so long ago
 * that it is its turn again. Pure.
 */
export function backupsToRead(
  root: Pick<VeleroRoot, 'backups'>,
  previous: Pick<LocationLook, 'backups'> | undefined,
  config: BackupsRun['config'],
  now: Date,
): readonly string[] {
  const { since, backup: only } = config;
  const known = new Map(previous?.backups.map((facts) => [facts.backup, facts]));
  return [...root.backups].flatMap(([name, files]) => {
    if (only !== undefined && name !== only) return [];
    const facts = known.get(name);
    const isDue = config.rung === 'intact' && facts !== undefined && isOld(facts, config, now);
    if (!isDue && !needsLook(facts, files, now)) return [];
    return since !== undefined && beganAt(facts, files) < since.getTime() ? [] : [name];
  });
}

/**
 * An ETag is what the store says: the bytes are read again within the days allowed. By its name
 * each backup has a turn of its own, so that those of one first run do not all come back at once.
 */
function isOld(
  { backup, lookedAt }: BackupFacts,
  { settings }: Pick<VerifyConfig, 'settings'>,
  now: Date,
): boolean {
  const turn = hash('sha256', backup, 'buffer').readUInt16BE(0) / 2 ** 16;
  const ageDays = (now.getTime() - Date.parse(lookedAt)) / DAY_MS;
  // By a clock that was ahead it would be young for as long as it was.
  return ageDays < -AHEAD_DAYS_MAX || ageDays > settings.contentDays * (0.5 + turn * 0.4);
}

const DAY_MS = 24 * 3_600_000;
const AHEAD_DAYS_MAX = PROOF_SKEW_MS / DAY_MS;

/** Of a backup that was never read its youngest object has to do: it began before that. */
function beganAt(facts: BackupFacts | undefined, files: readonly ObjectInfo[]): number {
  const started = facts?.resource?.startedAt;
  if (started !== undefined) return Date.parse(started);
  return Math.max(...files.map(({ lastModified }) => lastModified.getTime()));
}

/** Reads what is new or has changed, and takes the rest from the last look. */
export async function lookAtBackups(
  run: BackupsRun,
  root: VeleroRoot,
  previous: LocationLook | undefined,
): Promise<BackupLooks> {
  const { deps, location, now } = run;
  const { url } = location.reader;
  const role = location.replicaOf === undefined ? 'source' : 'replica';
  const facts = new Map<string, BackupFacts>();
  for (const each of previous?.backups ?? []) {
    if (root.backups.has(each.backup)) facts.set(each.backup, each);
  }
  const tampered = new Map<string, readonly Finding[]>();
  const known = Map.groupBy(previous?.tampered ?? [], ({ subject }) => subject);
  for (const backup of known.size > 0 ? root.backups.keys() : []) {
    const own = known.get(backupSubject(url, backup));
    if (own !== undefined) tampered.set(backup, own);
  }
  const all = (): readonly BackupFacts[] =>
    [...facts.values()].sort((left, right) => (left.backup < right.backup ? -1 : 1));
  const wanted = backupsToRead(root, previous, run.config, now);
  const sizeOf = (name: string): number =>
    root.backups.get(name)?.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) ?? 0;
  const bytesAll = wanted.reduce((sum, name) => sum + sizeOf(name), 0);
  const unread = new Map<string, string>();
  let read = 0;
  let bytesDone = 0;
  let isCut = false;
  await forEachLimited(wanted, AT_ONCE, sizeOf, async (name) => {
    isCut ||= run.deadline.remainingMs() === 0;
    if (isCut) return;
    const files = root.backups.get(name) ?? [];
    const options = { url, role, now, ...(deps.signal && { signal: deps.signal }) } as const;
    const before = facts.get(name);
    let looked: BackupFacts;
    try {
      looked = await lookAtBackup(location.reader, name, files, options);
    } catch (error) {
      // One object that is denied says nothing about the backups beside it (S7).
      if (!isStoreError(error) || unread.size >= UNREAD_MAX) throw error;
      unread.set(name, error.message);
      facts.set(name, before ?? unreadFacts(name, files, error.message, now));
      return;
    }
    facts.set(name, looked);
    if (looked.resource?.meaning === 'ended') {
      const sight = { deps, identity: location.identity, url, runId: run.runId, now };
      tampered.set(name, await checkSight(sight, looked, before));
    }
    read += 1;
    bytesDone += sizeOf(name);
    deps.progress.update({
      stage: `${location.place.name}: backups`,
      objectsDone: read,
      objectsAll: wanted.length,
      bytesDone,
      bytesAll,
    });
    if (read % KEPT_EVERY === 0) await run.keep(all(), [...tampered.values()].flat());
  });
  const isComplete =
    !isCut &&
    [...root.backups].every(
      ([name, files]) => unread.has(name) || isCurrent(facts.get(name), files),
    );
  const changed = [...tampered.values()].flat();
  return { facts: all(), tampered: changed, read, unread, isCut, isComplete };
}

/** A store that refuses more than this refuses everything: that is told once, of the location. */
const UNREAD_MAX = 20;

/** What a listing alone tells; of another version of the checks, so that it is read next time. */
function unreadFacts(
  backup: string,
  files: readonly ObjectInfo[],
  reason: string,
  now: Date,
): BackupFacts {
  return {
    checks: 0,
    backup,
    lookedAt: now.toISOString(),
    completeness: 'unfinished',
    incompleteReason: `it could not be read: ${reason}`,
    objects: files.map(({ key, sizeBytes, etag, lastModified }) => ({
      key,
      sizeBytes,
      etag,
      lastModified: lastModified.toISOString(),
    })),
    volumes: [],
    unreadVolumeLists: [],
    isWhole: false,
    findings: [],
  };
}

/** What is not finished changes from look to look, and its last look is as it was just now. */
function isCurrent(facts: BackupFacts | undefined, files: readonly ObjectInfo[]): boolean {
  if (facts === undefined || facts.objects.length !== files.length) return false;
  const etags = new Map(facts.objects.map(({ key, etag }) => [key, etag]));
  return files.every(({ key, etag }) => etags.get(key) === etag);
}
