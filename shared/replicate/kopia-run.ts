import { FORMAT_BLOB, PACK_PREFIXES, parseBlobName } from '../kopia/blob-names.ts';
import { finding } from '../model/finding.ts';
import type { Verdict } from '../model/report.ts';
import type { ObjectInfo } from '../stores/store.ts';
import { isStoreError } from '../stores/store-error.ts';
import { type CopyItem, copyAll, copyOne, type RouteRun } from './copy.ts';
import {
  type FrozenRepository,
  freezeRepository,
  listIndexes,
  statMutable,
} from './kopia-freeze.ts';
import {
  isHalfChanged,
  type ListedIndex,
  type MutableBlobs,
  planMutable,
  publicationOrder,
} from './kopia-plan.ts';
import { mergeListings } from './merge.ts';

/** A plan whose objects vanished or changed is made anew so often before the run gives up on it. */
const PLANS_MAX = 4;
const BETWEEN_PLANS_MS = 2000;

/**
 * Kopia removes a pack an hour after something else took its place, at the earliest: an index that
 * was frozen longer ago may name packs that were gone before they were listed.
 */
const PLAN_MS_MAX = 45 * 60_000;

export interface RepositoryOutcome {
  readonly kind: 'replicated' | 'left';
  /** What was written until then, by the source's own time, has come along; see `FrozenRepository`. */
  readonly heldUntilMs: number;
}

/**
 * Brings one Kopia repository over in the order for readers without the password (reference 8.8):
 * the index is frozen, then packs are listed and copied, then the frozen indexes are published,
 * then what is mutable. A crash between any two requests leaves the target as restorable as it was,
 * or, on first seeding, without the format blob and so closed.
 */
export async function replicateRepository(
  run: RouteRun,
  prefix: string,
): Promise<RepositoryOutcome> {
  const subject = prefix === '' ? 'repository' : prefix.replace(/\/$/, '');
  for (let plan = 1; plan <= PLANS_MAX; plan += 1) {
    const frozen = await freezeRepository(run, prefix);
    const isSettled = frozen !== undefined && !isHalfChanged(frozen.mutable, run.now);
    const leftovers = isSettled ? await leftoversOf(run, prefix, frozen) : [];
    if (leftovers.length > 0) return leftClosed(run, subject, leftovers);
    if (isSettled && (await publish(run, prefix, subject, frozen))) {
      if (!run.config.dryRun) run.tally.verdicts.push(verdictOf(run, subject, frozen));
      return { kind: 'replicated', heldUntilMs: frozen.completeUntilMs };
    }
    run.deps.log.log('info', 'Plan of a repository went stale', { subject, plan });
    if (plan < PLANS_MAX) await run.deps.clock.sleep(BETWEEN_PLANS_MS, run.signal);
  }
  const where = `${run.deps.source.url}/${subject}`;
  const message = `Repository "${where}" changed during each of ${PLANS_MAX} attempts to copy it`;
  run.tally.findings.push(finding('REPOSITORY_CHANGING', where, message));
  const reason = 'the source changed during each attempt to copy it';
  run.tally.verdicts.push({
    kind: 'unchecked',
    subject: `${run.deps.target.url}/${subject}`,
    reason,
  });
  return { kind: 'left', heldUntilMs: Number.NEGATIVE_INFINITY };
}

/**
 * Index blobs that an interrupted first seeding left and that the source does not list any more. The
 * source may hold another repository by now, and Kopia opens none with a foreign index in it.
 */
async function leftoversOf(
  run: RouteRun,
  prefix: string,
  frozen: FrozenRepository,
): Promise<readonly string[]> {
  const format = await run.deps.target.stat(`${prefix}${FORMAT_BLOB}`, { signal: run.signal });
  if (format !== undefined) return [];
  const present = await listIndexes(run, 'target', prefix);
  return present.flatMap(({ key }) => (frozen.keys.has(key) ? [] : [key]));
}

function leftClosed(run: RouteRun, subject: string, keys: readonly string[]): RepositoryOutcome {
  const where = `${run.deps.target.url}/${subject}`;
  const message = `Left "${where}" closed: it holds ${keys.length} index blobs that the source lacks`;
  const evidence = { keys: keys.slice(0, 10) };
  run.tally.findings.push(finding('SEEDING_MIXED', where, message, { evidence }));
  const reason = 'its first copy may be mixed from two repositories';
  run.tally.verdicts.push({ kind: 'unchecked', subject: where, reason });
  return { kind: 'left', heldUntilMs: Number.NEGATIVE_INFINITY };
}

/** Complete as listed: what the bytes are worth is not said here, only that they are the source's. */
function verdictOf(run: RouteRun, subject: string, frozen: FrozenRepository): Verdict {
  const replica = `${run.deps.target.url}/${subject}`;
  if (frozen.completeUntilMs === Number.POSITIVE_INFINITY) {
    return { kind: 'verified', subject: replica };
  }
  const reason = 'the source never stood still; its last 15 minutes wait for the next run';
  return { kind: 'unchecked', subject: replica, reason };
}

/** @returns false when the plan went stale: it grew old, or an object of it vanished or changed. */
async function publish(
  run: RouteRun,
  prefix: string,
  subject: string,
  frozen: FrozenRepository,
): Promise<boolean> {
  try {
    const dataSessions = await copyPacks(run, prefix, subject, frozen.indexes);
    if (run.deps.clock.now().getTime() - frozen.begunMs > PLAN_MS_MAX) return false;
    const target = await statMutable(run, 'target', prefix);
    await publishIndexes(run, prefix, subject, frozen, dataSessions, target.format !== undefined);
    await publishMutable(run, subject, frozen.mutable, target);
    return true;
  } catch (error) {
    if (isStale(run, error)) return false;
    throw error;
  }
}

/** Absent or changed can only be the source's word: of the target nothing is read. */
function isStale(run: RouteRun, error: unknown): boolean {
  return !run.signal.aborted && isStoreError(error, 'not_found', 'changed');
}

/** @returns the sessions, of those with an index in the plan, that wrote data packs. */
async function copyPacks(
  run: RouteRun,
  prefix: string,
  subject: string,
  indexes: readonly ListedIndex[],
): Promise<ReadonlySet<string>> {
  const planned = new Set<string>();
  for (const { id } of indexes) {
    const name = parseBlobName(id);
    if (name.kind === 'index') planned.add(name.set.id);
  }
  const dataSessions = new Set<string>();
  const noteSession = (id: string): boolean => {
    const name = parseBlobName(id);
    if (name.kind !== 'pack') return false;
    if (!name.metadata && name.session && planned.has(name.session)) dataSessions.add(name.session);
    return true;
  };

  async function* missing(): AsyncGenerator<CopyItem> {
    for (const letter of PACK_PREFIXES) {
      const options = { signal: run.signal };
      const source = run.deps.source.list(prefix + letter, options);
      const target = run.deps.target.list(prefix + letter, options);
      for await (const pair of mergeListings(source, target)) {
        if (pair.source === undefined || !noteSession(pair.key.slice(prefix.length))) continue;
        const item = immutableItem(run, subject, 'pack blobs', pair.source, pair.target);
        if (item) yield item;
      }
    }
  }
  await copyAll(run, missing());
  return dataSessions;
}

/** Same name and same size is the same blob: packs and indexes are never rewritten by Kopia. */
function immutableItem(
  run: RouteRun,
  subject: string,
  what: string,
  source: ObjectInfo,
  target: ObjectInfo | undefined,
): CopyItem | undefined {
  if (target?.sizeBytes === source.sizeBytes) {
    run.tally.measure('objectsUnchanged', 1);
    return undefined;
  }
  if (target === undefined) return { kind: 'copy', source, subject, what };
  const where = `${run.deps.target.url}/${source.key}`;
  const message = `Replaced "${where}": it had ${target.sizeBytes} bytes, its source has ${source.sizeBytes}`;
  run.tally.findings.push(finding('INCOMPLETE_AT_TARGET', where, message));
  return { kind: 'replace', source, subject, what };
}

async function publishIndexes(
  run: RouteRun,
  prefix: string,
  subject: string,
  frozen: FrozenRepository,
  dataSessions: ReadonlySet<string>,
  isOpen: boolean,
): Promise<void> {
  const listed = await listIndexes(run, 'target', prefix);
  const present = new Map(listed.map((info) => [info.key, info]));
  const items = publicationOrder(frozen.indexes, dataSessions).flatMap(({ info }) => {
    const item = immutableItem(run, subject, 'index blobs', info, present.get(info.key));
    return item ? [item] : [];
  });
  // Nobody can open a repository without its format blob, so that order does not matter before it.
  if (!isOpen) return copyAll(run, items);
  for (const item of items) await copyOne(run, item);
}

async function publishMutable(
  run: RouteRun,
  subject: string,
  source: MutableBlobs,
  target: MutableBlobs,
): Promise<void> {
  const { poison } = source;
  const present = poison && (await run.deps.target.stat(poison.key, { signal: run.signal }));
  const steps = planMutable(source, { ...target, ...(present && { poison: present }) });
  for (const step of steps) {
    if (step.kind === 'put') {
      const what = step.source.key.endsWith(FORMAT_BLOB) ? 'format blob' : 'repository settings';
      const kind = step.isNew ? 'copy' : 'replace';
      await copyOne(run, { kind, source: step.source, subject, what });
    } else {
      run.guard();
      if (!run.config.dryRun) {
        await run.deps.target.remove(step.target.key, { signal: run.signal });
      }
      run.tally.done('remove', subject, 'repository settings', step.target.sizeBytes);
    }
  }
  const puts = steps.filter(({ kind }) => kind === 'put').length;
  run.tally.measure('objectsUnchanged', Object.keys(source).length - puts);
}
