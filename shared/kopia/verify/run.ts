import { DrydockError } from '../../model/errors.ts';
import { type Finding, finding } from '../../model/finding.ts';
import { silentProgress } from '../../model/progress.ts';
import type { ObjectReader } from '../../stores/store.ts';
import { inProcessChecker } from '../contents/in-process-checker.ts';
import type { RepositoryCrypto } from '../crypto/repository-crypto.ts';
import { readMaintenance } from '../format/maintenance.ts';
import type { RepositoryFormat } from '../format/repository-format.ts';
import { findIndexes } from '../indexes/find-indexes.ts';
import type { Slice } from '../indexes/loaded-indexes.ts';
import { planSlices } from '../indexes/plan-slices.ts';
import { loadManifests, type Manifests } from '../manifests/manifests.ts';
import { maintenanceParametersOf } from '../manifests/settings.ts';
import { type Snapshot, type SnapshotProblem, snapshotsOf } from '../manifests/snapshots.ts';
import type { KopiaVerification, VerifyOptions } from '../verification.ts';
import { conclude } from './conclusion.ts';
import { checkContents } from './content-run.ts';
import { type Costs, costs as noCosts } from './costs.ts';
import { collectDamage, counted, type DamagedPack } from './damaged-packs.ts';
import { type Look, look } from './look.ts';
import { lossFinder } from './losses.ts';
import type { ObjectWorld } from './objects.ts';
import {
  formatFindings,
  indexFindings,
  maintenanceFindings,
  manifestFinding,
  snapshotProblemFinding,
} from './settings.ts';
import { type Proofs, proofsOf, selectPacks } from './share.ts';
import { checkTrees, type TreeFacts } from './trees.ts';

export interface OpenedRepository {
  readonly reader: ObjectReader;
  readonly format: RepositoryFormat;
  readonly crypto: RepositoryCrypto;
  /** With a trailing slash, so that the names of blobs can follow. */
  readonly url: string;
  readonly options: VerifyOptions;
}

/** What the passes have found together. */
export interface Found {
  readonly findings: Finding[];
  readonly damaged: Map<string, DamagedPack>;
  readonly costs: Costs;
  snapshots: readonly Snapshot[];
  readonly malformed: Map<string, string>;
  readonly notIndexed: Set<string>;
  readonly deletedInUse: Set<string>;
  readonly packsInUse: Set<string>;
  readonly measures: Record<string, number>;
  /** By pack: when it was last proven, over all passes the earliest; empty at the structure level. */
  readonly proofs: Proofs;
  isCut: boolean;
}

/** Of ids that are collected for evidence and counting; beyond it "at least". */
const IDS_MAX = 10_000;

/** Verifies a repository whose format was read. See `verifyRepository`. */
export async function verifyOpened(repository: OpenedRepository): Promise<KopiaVerification> {
  const { reader, format, crypto, url, options } = repository;
  const found: Found = {
    findings: [...formatFindings(url, format)],
    damaged: new Map(),
    costs: noCosts(),
    snapshots: [],
    malformed: new Map(),
    notIndexed: new Set(),
    deletedInUse: new Set(),
    packsInUse: new Set(),
    measures: {},
    proofs: new Map(),
    isCut: false,
  };
  const { active } = await findIndexes(reader, format, crypto, options);
  const indexSizeBytes = active.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const slices = planSlices(indexSizeBytes, options.entriesInOnePass);
  for (const [pass, slice] of slices.entries()) {
    if (isOutOfTime(options)) found.isCut = true;
    if (found.isCut) break;
    await onePass(repository, found, slices.length === 1 ? undefined : slice, pass === 0);
  }
  return conclude(repository, found);
}

async function onePass(
  repository: OpenedRepository,
  found: Found,
  slice: Slice | undefined,
  isFirst: boolean,
): Promise<void> {
  const { options } = repository;
  const progress = options.progress ?? silentProgress;
  const seen = await look({ ...repository, ...signalOf(options), progress }, slice, isFirst);
  try {
    await checkPass(repository, found, seen, slice, isFirst);
  } finally {
    // The next pass needs the memory before the collector would come for it.
    seen.indexes.contents.release();
  }
}

async function checkPass(
  repository: OpenedRepository,
  found: Found,
  seen: Look,
  slice: Slice | undefined,
  isFirst: boolean,
): Promise<void> {
  const { options, format } = repository;
  const progress = options.progress ?? silentProgress;
  const { indexes, damage, contents } = seen;
  const table = indexes.contents;
  if (isFirst) found.findings.push(...indexFindings(repository.url, indexes, options.now));
  const world = worldOf(seen, slice, isFirst, found, options);
  const manifests = await loadManifests(table, contents, options);
  const { snapshots, problems } = snapshotsOf(manifests);
  if (isFirst) await readSettings(repository, found, manifests, problems);
  found.snapshots = snapshots;
  count(found, seen, isFirst);

  const roots = snapshots.map(({ root }) => root);
  const trees = await checkTrees(world, roots, (done, waiting) =>
    progress.update({
      stage: 'directories',
      objectsDone: done,
      objectsAll: done + waiting,
      bytesDone: 0,
      bytesAll: 0,
    }),
  );
  if (isFirst) {
    Object.assign(found.measures, { directories: trees.directories, entries: trees.entries });
    found.findings.push(...entryFindings(repository.url, trees));
  }
  const range = table.rangeOf('');
  const isOfPass = (position: number) =>
    isFirst || (position >= range.first && position < range.end);
  if (options.level === 'content') await readContents(repository, found, seen, isOfPass);
  collectDamage(found.damaged, table, damage, isOfPass);
  if (!trees.damaged && damage.count === 0) return;
  const lossesBelow = lossFinder(world);
  for (const [index, snapshot] of snapshots.entries()) {
    progress.update({
      stage: `what the damage costs in ${format.prefix}`,
      objectsDone: index,
      objectsAll: snapshots.length,
      bytesDone: 0,
      bytesAll: 0,
    });
    const losses = await lossesBelow(snapshot.root);
    if (losses !== undefined) found.costs.add(snapshot, losses);
  }
}

function worldOf(
  { indexes, contents, damage }: Look,
  slice: Slice | undefined,
  isFirst: boolean,
  found: Found,
  options: VerifyOptions,
): ObjectWorld {
  const table = indexes.contents;
  return {
    table,
    contents,
    damage,
    ...signalOf(options),
    covers: (contentId) => {
      if (slice === undefined || hasLetter(contentId)) return true;
      const first = Number.parseInt(contentId.slice(0, 2), 16);
      return first >= slice.first && first < slice.end;
    },
    counts: (cause) => {
      if (isFirst) return true;
      if (cause.kind === 'content') return !hasLetter(table.idOf(cause.position));
      return cause.kind === 'not-indexed' && !hasLetter(cause.contentId);
    },
    deletedInUse: (position) => remember(found.deletedInUse, table.idOf(position)),
    notIndexed: (contentId) => remember(found.notIndexed, contentId),
    malformed: (objectId, detail) => {
      if (found.malformed.size < IDS_MAX) found.malformed.set(objectId, detail);
    },
  };
}

/** A hash has an even number of digits. */
function hasLetter(contentId: string): boolean {
  return contentId.length % 2 === 1;
}

function remember(ids: Set<string>, id: string): void {
  if (ids.size < IDS_MAX) ids.add(id);
}

/** What needs no trees: manifests, and when maintenance last ran. */
async function readSettings(
  { reader, format, url, options }: OpenedRepository,
  found: Found,
  manifests: Manifests,
  problems: readonly SnapshotProblem[],
): Promise<void> {
  found.findings.push(
    ...manifests.problems.map((problem) => manifestFinding(url, problem)),
    ...problems.map((problem) => snapshotProblemFinding(url, problem)),
  );
  try {
    const schedule = await readMaintenance(reader, format, options);
    const parameters = maintenanceParametersOf(manifests);
    found.findings.push(...maintenanceFindings(url, schedule, parameters, options.now));
  } catch (error) {
    if (!(error instanceof DrydockError) || error.code !== 'KOPIA_MAINTENANCE_UNREADABLE') {
      throw error;
    }
    found.findings.push(finding('KOPIA_MAINTENANCE_UNREADABLE', url, error.message));
  }
}

async function readContents(
  repository: OpenedRepository,
  found: Found,
  { indexes, packs, damage, counts }: Look,
  isOfPass: (position: number) => boolean,
): Promise<void> {
  const { reader, format, crypto, url, options } = repository;
  const proofs = proofsOf(options.state, format.uniqueId);
  const table = indexes.contents;
  const selection = selectPacks(table.packs, counts.liveInPack, proofs, options.share);
  const checker = (await options.startChecker?.(crypto.spec)) ?? inProcessChecker(crypto);
  try {
    const run = await checkContents({
      reader,
      prefix: format.prefix,
      table,
      checker,
      url,
      packs,
      damage,
      selection,
      isOfPass,
      proofs,
      now: options.now,
      allowRetrieval: options.allowRetrieval ?? false,
      deadline: options.deadline,
      signal: options.signal,
      progress: (objectsDone, objectsAll, bytesDone, bytesAll) =>
        (options.progress ?? silentProgress).update({
          stage: 'pack blobs',
          objectsDone,
          objectsAll,
          bytesDone,
          bytesAll,
        }),
    });
    for (const [key, at] of run.proofs) {
      found.proofs.set(key, Math.min(at, found.proofs.get(key) ?? at));
    }
    found.findings.push(...run.findings);
    found.isCut ||= run.isCut;
    addTo(found.measures, {
      packsRead: run.packsRead,
      packsNew: selection.newPacks,
      contentsRead: run.contentsRead,
      sizeBytesRead: run.sizeBytesRead,
    });
    if (selection.slice !== undefined) found.measures['slice'] = selection.slice;
  } finally {
    await checker.close();
  }
}

function count(found: Found, { indexes, packs, counts }: Look, isFirst: boolean): void {
  for (const [packId, live] of counts.liveInPack.entries()) {
    if (live > 0) found.packsInUse.add(indexes.contents.packs.name(packId));
  }
  addTo(found.measures, {
    contents: counts.liveContents,
    contentsDeleted: counts.deletedContents,
    contentsSizeBytes: counts.liveSizeBytes,
  });
  if (!isFirst) return;
  Object.assign(found.measures, {
    indexBlobs: indexes.blobs.active,
    indexSizeBytes: indexes.blobs.sizeBytes,
    packsUnreferenced: packs.unreferenced.packs,
    packsUnreferencedSizeBytes: packs.unreferenced.sizeBytes,
  });
}

function addTo(measures: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(more)) measures[name] = (measures[name] ?? 0) + value;
}

function entryFindings(
  url: string,
  { sizesDiffer, namesTwice }: Pick<TreeFacts, 'sizesDiffer' | 'namesTwice'>,
): readonly Finding[] {
  const sizes = `${counted(sizesDiffer.count, 'file')} of another size than the directory says`;
  const names = `${counted(namesTwice.count, 'name')} that another entry of the directory has too`;
  return [
    ...(sizesDiffer.count === 0
      ? []
      : [
          finding('KOPIA_FILE_SIZE_DIFFERS', url, `Directories list ${sizes}`, {
            evidence: { files: sizesDiffer.examples },
          }),
        ]),
    ...(namesTwice.count === 0
      ? []
      : [
          finding('KOPIA_NAME_TWICE', url, `Directories list ${names}`, {
            evidence: { names: namesTwice.examples },
          }),
        ]),
  ];
}

function isOutOfTime({ deadline }: VerifyOptions): boolean {
  return deadline !== undefined && deadline.remainingMs() <= 0;
}

function signalOf({ signal }: VerifyOptions): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
