import { type Finding, finding } from '../model/finding.ts';
import { shown } from '../velero/artefacts/json.ts';
import type { BackupFacts, ResourceFacts } from '../velero/checks/backup-facts.ts';
import { examplesOf, plain } from '../velero/checks/plain.ts';
import { median } from './figures.ts';

export interface ShrinkQuestion {
  /** A fall by more than this share of the median counts. */
  readonly fallPercent: number;
  /** How many backups before the newest make the median. */
  readonly backups: number;
  readonly url: string;
}

/** With fewer before it, nobody knows what is usual. */
const BEFORE_MIN = 3;

interface Judged {
  readonly facts: BackupFacts;
  readonly resource: ResourceFacts;
  readonly startedMs: number;
}

/** Of each a measure that every backup takes alone; `undefined` where this one does not tell it. */
const MEASURES: readonly {
  readonly name: string;
  readonly of: (facts: BackupFacts) => number | undefined;
}[] = [
  { name: 'items', of: ({ resource }) => resource?.items },
  { name: 'bytes of the tarball', of: ({ contents }) => contents?.inflatedSizeBytes },
  { name: 'bytes of volumes', of: volumesSizeBytes },
];

/**
 * Schedules whose newest complete backup holds much less than the ones before it did: labels, a
 * permission or a namespace went missing, which no phase tells. Only backups that were to take the
 * same namespaces are compared.
 */
export function shrinkFindings(
  facts: readonly BackupFacts[],
  question: ShrinkQuestion,
): readonly Finding[] {
  const judged = facts.flatMap(judgeable).sort((a, b) => b.startedMs - a.startedMs);
  const bySchedule = Map.groupBy(judged, ({ resource }) => resource.schedule ?? '');
  return [...bySchedule].flatMap(([schedule, [newest, ...older]]) => {
    if (newest === undefined) return [];
    const scope = scopeOf(newest.resource);
    const same = older.filter(({ resource }) => scopeOf(resource) === scope);
    const before = same.slice(0, question.backups).map((each) => each.facts);
    return shrunk(schedule, newest.facts, before, question);
  });
}

function judgeable(facts: BackupFacts): readonly Judged[] {
  const { resource, completeness } = facts;
  const startedMs = Date.parse(resource?.startedAt ?? '');
  const isUsable = completeness === 'complete' && resource?.phase !== 'Failed';
  if (resource?.schedule === undefined || !isUsable || Number.isNaN(startedMs)) return [];
  return [{ facts, resource, startedMs }];
}

function scopeOf({ includedNamespaces }: ResourceFacts): string {
  const isAll = includedNamespaces.length === 0 || includedNamespaces.includes('*');
  return isAll ? '*' : JSON.stringify([...includedNamespaces].sort());
}

function shrunk(
  schedule: string,
  newest: BackupFacts,
  before: readonly BackupFacts[],
  { fallPercent, url }: ShrinkQuestion,
): readonly Finding[] {
  const falls = MEASURES.flatMap(({ name, of }) => {
    const value = of(newest);
    const values = before.flatMap((each) => of(each) ?? []);
    const usual = values.length < BEFORE_MIN ? undefined : median(values);
    if (value === undefined || usual === undefined || usual <= 0) return [];
    const fell = (1 - value / usual) * 100;
    return fell > fallPercent
      ? [`${name} fell by ${Math.floor(fell)} %, from ${usual} to ${value}`]
      : [];
  });
  if (falls.length === 0) return [];
  const message = `${shown(newest.backup)} is smaller than the ${before.length} backups before it: ${falls.join('; ')}`;
  const evidence = {
    newest: plain(newest.backup),
    before: examplesOf(before.map(({ backup }) => backup)),
  };
  return [finding('BACKUP_SHRANK', `${url} schedule ${plain(schedule)}`, message, { evidence })];
}

/** `undefined` when a volume does not tell its size: a sum without it would look like a fall. */
function volumesSizeBytes({ volumes, unreadVolumeLists }: BackupFacts): number | undefined {
  if (unreadVolumeLists.length > 0) return undefined;
  let sum = 0;
  for (const { method, sizeBytes } of volumes) {
    if (method === 'none') continue;
    if (sizeBytes === undefined) return undefined;
    sum += sizeBytes;
  }
  return sum;
}
