import { type Finding, finding } from '../model/finding.ts';
import type { BackupFacts, BackupObject } from '../velero/checks/backup-facts.ts';
import { backupSubject } from '../velero/checks/plain.ts';

export interface ReplicaQuestion {
  /** What the source was last seen to hold. */
  readonly source: readonly BackupFacts[];
  readonly replica: readonly BackupFacts[];
  /** URLs of the two locations. */
  readonly sourceUrl: string;
  readonly replicaUrl: string;
  readonly now: Date;
}

/**
 * How long a replica may be behind: a route that runs at least once a day has then had its turn,
 * whatever its hour. The same time is given to an object that was written anew at the source.
 */
const BEHIND_MS_MAX = 24 * 3_600_000;

const NAMED_MAX = 20;

/**
 * Compares a replica with its source by the SHA-256 of what was read on both sides; ETags say
 * nothing across clouds. What was not read on one side is not compared.
 */
export function compareReplica(question: ReplicaQuestion): readonly Finding[] {
  const pairs = pairsOf(question);
  const behind = pairs.flatMap((pair) => behindOf(pair, question.now));
  return [
    ...pairs.flatMap((pair) => differing(pair, question)),
    ...behindFindings(behind, question),
    ...alone(question),
  ];
}

interface Pair {
  readonly source: BackupFacts;
  /** Absent: there is none, or one that is another backup of that name. */
  readonly replica?: BackupFacts;
}

/** Backups that a route copies: those that are complete at the source. */
function pairsOf({ source, replica }: ReplicaQuestion): readonly Pair[] {
  const there = new Map(replica.map((facts) => [facts.backup, facts]));
  return source.filter(isComplete).map((own): Pair => {
    const other = there.get(own.backup);
    const isSame = other?.resource?.uid === own.resource?.uid;
    return other !== undefined && isSame ? { source: own, replica: other } : { source: own };
  });
}

function isComplete({ completeness }: BackupFacts): boolean {
  return completeness === 'complete';
}

interface Behind {
  readonly backup: string;
  /** When the source had all of it; infinitely long ago where nobody says. */
  readonly sinceMs: number;
}

function behindOf({ source, replica }: Pair, now: Date): readonly Behind[] {
  const { backup } = source;
  if (replica === undefined || !isComplete(replica)) {
    const times = source.objects.map(({ lastModified }) => Date.parse(lastModified));
    const endedMs = Date.parse(source.resource?.completedAt ?? '');
    const known = [...times, endedMs].filter(Number.isFinite);
    const sinceMs = known.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    return [{ backup, sinceMs }];
  }
  const { changed, lacking } = compared(source, replica);
  const newest = [...lacking, ...changed.filter((object) => isYoung(object, now))];
  if (newest.length === 0) return [];
  const sinceMs = newest.reduce(
    (min, each) => Math.min(min, Date.parse(each.lastModified)),
    now.getTime(),
  );
  return [{ backup, sinceMs }];
}

/** Objects of the source that the replica has with other bytes, or has not. */
function compared(
  source: BackupFacts,
  replica: BackupFacts,
): { readonly changed: readonly BackupObject[]; readonly lacking: readonly BackupObject[] } {
  const copies = new Map(replica.objects.map((object) => [object.key, object]));
  const changed: BackupObject[] = [];
  const lacking: BackupObject[] = [];
  for (const object of source.objects) {
    const copy = copies.get(object.key);
    if (copy === undefined) lacking.push(object);
    else if (areOtherBytes(object, copy)) changed.push(object);
  }
  return { changed, lacking };
}

function areOtherBytes(left: BackupObject, right: BackupObject): boolean {
  if (left.sha256 === undefined || right.sha256 === undefined) {
    return left.sizeBytes !== right.sizeBytes;
  }
  return left.sha256 !== right.sha256;
}

function isYoung({ lastModified }: BackupObject, now: Date): boolean {
  return now.getTime() - Date.parse(lastModified) < BEHIND_MS_MAX;
}

function differing(
  { source, replica }: Pair,
  { sourceUrl, replicaUrl, now }: ReplicaQuestion,
): readonly Finding[] {
  if (replica === undefined || !isComplete(replica)) return [];
  const { backup } = source;
  const changed = compared(source, replica).changed.filter((object) => !isYoung(object, now));
  if (changed.length === 0) return [];
  const keys = changed.map(({ key }) => key);
  const what = keys.length === 1 ? 'an object' : `${keys.length} objects`;
  const message = `Backup "${backup}" differs from the one at ${sourceUrl} in ${what}, first "${keys[0]}"`;
  const evidence = { source: sourceUrl, count: keys.length, keys: keys.slice(0, NAMED_MAX) };
  return [finding('REPLICA_DIFFERS', backupSubject(replicaUrl, backup), message, { evidence })];
}

function behindFindings(
  behind: readonly Behind[],
  { sourceUrl, replicaUrl, now }: ReplicaQuestion,
): readonly Finding[] {
  if (behind.length === 0) return [];
  const sorted = [...behind].sort((a, b) => a.sinceMs - b.sinceMs);
  const late = sorted.filter(({ sinceMs }) => now.getTime() - sinceMs >= BEHIND_MS_MAX);
  const names = (late.length > 0 ? late : sorted).map(({ backup }) => backup);
  const long = late.length > 0 ? ' for more than 24 hours' : '';
  const what = names.length === 1 ? 'a backup' : `${names.length} backups`;
  const message = `The replica lacks ${what}, in whole or in part, that ${sourceUrl} has had${long}: first "${names[0]}"`;
  return [
    finding('REPLICA_BEHIND', replicaUrl, message, {
      ...(late.length === 0 && { severity: 'info' as const }),
      evidence: {
        source: sourceUrl,
        backups: names.slice(0, NAMED_MAX),
        late: late.length,
        young: sorted.length - late.length,
      },
    }),
  ];
}

/** One that is newer than everything the source was seen to hold may be there by now. */
function alone({ source, replica, sourceUrl, replicaUrl }: ReplicaQuestion): readonly Finding[] {
  const there = new Set(source.map(({ backup }) => backup));
  const seen = source.map(({ resource }) => Date.parse(resource?.createdAt ?? ''));
  const newestMs = seen
    .filter(Number.isFinite)
    .reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const names = replica
    .filter((facts) => isComplete(facts) && !there.has(facts.backup))
    .filter(({ resource }) => {
      const createdMs = Date.parse(resource?.createdAt ?? '');
      return source.length === 0 || !(createdMs > newestMs);
    })
    .map(({ backup }) => backup);
  if (names.length === 0) return [];
  const what = names.length === 1 ? 'a backup' : `${names.length} backups`;
  const message = `The replica holds ${what} that ${sourceUrl} no longer has, first "${names[0]}"`;
  const evidence = { source: sourceUrl, count: names.length, backups: names.slice(0, NAMED_MAX) };
  return [finding('REPLICA_ALONE', replicaUrl, message, { evidence })];
}
