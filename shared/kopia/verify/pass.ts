import { DrydockError } from '../../model/errors.ts';
import { type Finding, finding } from '../../model/finding.ts';
import { silentProgress } from '../../model/progress.ts';
import { inProcessChecker } from '../contents/in-process-checker.ts';
import { readMaintenance } from '../format/maintenance.ts';
import type { Slice } from '../indexes/loaded-indexes.ts';
import { loadManifests, type Manifests } from '../manifests/manifests.ts';
import { maintenanceParametersOf } from '../manifests/settings.ts';
import { type SnapshotProblem, snapshotsOf } from '../manifests/snapshots.ts';
import type { VerifyOptions } from '../verification.ts';
import { type ContentRunResult, checkContents } from './content-run.ts';
import { collectDamage } from './damaged-packs.ts';
import { entryDamage } from './entries.ts';
import { type Look, look } from './look.ts';
import { lossFinder } from './losses.ts';
import type { ObjectWorld } from './objects.ts';
import type { Found, OpenedRepository } from './run.ts';
import {
  indexFindings,
  maintenanceFindings,
  manifestFinding,
  snapshotProblemFinding,
} from './settings.ts';
import { type Proofs, packKey, proofsOf, type Selection, selectPacks } from './share.ts';
import { addOdd, checkTrees, type TreeFacts } from './trees.ts';

/** Of ids that are collected for evidence and counting; beyond it "at least". */
const IDS_MAX = 10_000;

/**
 * Reads one slice of the index and checks what it says. What a maintenance, or a backup, changes
 * meanwhile looks like damage: then everything is looked at once more, and only what stays is told.
 */
export async function onePass(
  repository: OpenedRepository,
  found: Found,
  slice: Slice | undefined,
  isFirst: boolean,
): Promise<void> {
  const { options, format } = repository;
  const former = proofsOf(options.state, format.uniqueId);
  const done: Done = { proofs: new Map(), packsRead: 0, contentsRead: 0, sizeBytesRead: 0 };
  for (let attempt = 1; ; attempt += 1) {
    const seen = await look(repository, slice, isFirst);
    const isLast = attempt === ATTEMPTS_MAX;
    try {
      const pass = { repository, found, seen, slice, isFirst, former, done, told: noTold() };
      if (await checkPass(pass, attempt === 1, isLast)) return;
    } finally {
      // Who comes next needs the memory before the collector would come for it.
      seen.indexes.contents.release();
    }
  }
}

/** Looks at a repository that changes under it. */
const ATTEMPTS_MAX = 3;

/** What one look has found; it becomes part of `Found` when it is believed. */
interface Told {
  readonly malformed: Map<string, string>;
  readonly notIndexed: Set<string>;
  readonly deletedInUse: Set<string>;
  costsUnknown: boolean;
}

function noTold(): Told {
  return {
    malformed: new Map(),
    notIndexed: new Set(),
    deletedInUse: new Set(),
    costsUnknown: false,
  };
}

/** Of all looks of a pass: what was read, and which packs need not be read again. */
interface Done {
  readonly proofs: Proofs;
  packsRead: number;
  contentsRead: number;
  sizeBytesRead: number;
}

interface Pass {
  readonly repository: OpenedRepository;
  readonly found: Found;
  readonly seen: Look;
  readonly slice: Slice | undefined;
  readonly isFirst: boolean;
  /** Of former runs. */
  readonly former: Proofs;
  readonly done: Done;
  readonly told: Told;
}

/** Answers whether what was seen is believed, and part of `found` by now. */
async function checkPass(pass: Pass, isFirstLook: boolean, isLastLook: boolean): Promise<boolean> {
  const { repository, found, seen, isFirst, told } = pass;
  const { options } = repository;
  const progress = options.progress ?? silentProgress;
  const { indexes, damage, contents } = seen;
  const table = indexes.contents;
  // Indexes first, packs second: a pack is written before its entries, so that what is missing in
  // the later listing was lost, or was removed by a maintenance that has published other entries.
  if (isFirstLook && damage.count > 0) return false;
  if (!isLastLook && indexes.problems.some(({ kind }) => kind === 'vanished')) return false;
  const inUse = new Uint8Array(table.size);
  const world = worldOf(pass, inUse);
  const manifests = await loadManifests(table, contents, options);
  const { snapshots, problems } = snapshotsOf(manifests);
  const roots = snapshots.map(({ root }) => root);
  const trees = await checkTrees(world, roots, {
    isOutOfTime: () => isOutOfTime(options),
    isOfPass: (position) => isOfPass(pass, position),
    progress: (done, waiting) =>
      progress.update({
        stage: 'directories',
        objectsDone: done,
        objectsAll: done + waiting,
        bytesDone: 0,
        bytesAll: 0,
      }),
  });
  // A page of the listing may show the index of a manifest, and an earlier one lack that of its files.
  if (isFirstLook && told.notIndexed.size > 0) return false;
  if (!isLastLook && hasVanished(seen)) return false;
  let run: ContentsRead | undefined;
  if (options.level === 'content' && !trees.isCut) {
    run = await readContents(pass, inUse);
    for (const [key, at] of run.proofs) {
      if (at === options.now.getTime()) pass.done.proofs.set(key, at);
    }
    if (!isLastLook && hasVanished(seen)) return false;
  }

  const known = isFirst ? undefined : new Set(found.snapshots.map(({ id }) => id));
  // Snapshots of which another pass saw nothing are left to the next run.
  found.snapshots = snapshots.filter(({ id }) => known?.has(id) ?? true);
  found.isCut ||= trees.isCut;
  tell(found, indexFindings(repository.url, indexes, options.now));
  if (isFirst) await readSettings(repository, found, manifests, problems);
  count(found, seen, isFirst);
  addTrees(found, trees, isFirst);
  if (run !== undefined) addContents(found, run, pass.done);
  // The deadline came while it was looked at once more.
  else for (const [key, at] of pass.done.proofs) found.proofs.set(key, at);
  const costsAreKnown = await addCosts(pass, world, trees);
  collectDamage(found.damaged, table, damage, (position) => isOfPass(pass, position));
  if (!costsAreKnown || manifests.problems.length + problems.length > 0) told.costsUnknown = true;
  believe(found, told);
  return true;
}

/** Packs that the listing has shown, and that were gone or shorter when they were read. */
function hasVanished({ indexes, packs, damage }: Look): boolean {
  const table = indexes.contents;
  for (const position of damage.positions()) {
    const reason = damage.get(position);
    if (reason !== 'pack-missing' && reason !== 'pack-too-short') continue;
    if (entryDamage(table, packs, position) === undefined) return true;
  }
  return false;
}

function isOfPass({ isFirst, seen }: Pass, position: number): boolean {
  const range = seen.indexes.contents.rangeOf('');
  return isFirst || (position >= range.first && position < range.end);
}

/** Findings that another pass has told already are left out. */
function tell(found: Found, findings: readonly Finding[]): void {
  for (const one of findings) {
    const isKnown = found.findings.some(
      ({ code, subject }) => code === one.code && subject === one.subject,
    );
    if (!isKnown) found.findings.push(one);
  }
}

function believe(found: Found, told: Told): void {
  for (const id of told.notIndexed) remember(found.notIndexed, id);
  for (const id of told.deletedInUse) remember(found.deletedInUse, id);
  for (const [objectId, detail] of told.malformed) {
    if (found.malformed.size < IDS_MAX) found.malformed.set(objectId, detail);
  }
  found.costsUnknown ||= told.costsUnknown;
}

/** What the damage costs, snapshot by snapshot; `false` when the deadline came first. */
async function addCosts(pass: Pass, world: ObjectWorld, trees: TreeFacts): Promise<boolean> {
  const { found, seen, repository } = pass;
  const { options, format } = repository;
  if (trees.isCut) return false;
  if (!trees.damaged && seen.damage.count === 0) return true;
  const lossesBelow = lossFinder(world);
  for (const [index, snapshot] of found.snapshots.entries()) {
    if (isOutOfTime(options)) {
      found.isCut = true;
      return false;
    }
    (options.progress ?? silentProgress).update({
      stage: `what the damage costs in ${format.prefix}`,
      objectsDone: index,
      objectsAll: found.snapshots.length,
      bytesDone: 0,
      bytesAll: 0,
    });
    const losses = await lossesBelow(snapshot.root);
    if (losses !== undefined) found.costs.add(snapshot, losses);
  }
  return true;
}

function worldOf(pass: Pass, inUse: Uint8Array): ObjectWorld {
  const { repository, seen, slice, isFirst, told } = pass;
  const { indexes, contents, damage, packs, counts } = seen;
  const table = indexes.contents;
  return {
    table,
    contents,
    damage,
    ...signalOf(repository.options),
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
    deletedInUse: (position) => {
      if (inUse[position] === 1) return;
      inUse[position] = 1;
      remember(told.deletedInUse, table.idOf(position));
      // Entries that are deleted were passed over so far: nobody knew that this one is needed.
      const packId = table.packOf(position);
      counts.liveInPack[packId] = (counts.liveInPack[packId] ?? 0) + 1;
      const reason = entryDamage(table, packs, position);
      if (reason !== undefined) damage.set(position, reason);
    },
    notIndexed: (contentId) => remember(told.notIndexed, contentId),
    malformed: (objectId, detail) => {
      if (told.malformed.size < IDS_MAX) told.malformed.set(objectId, detail);
    },
    costsUnknown: () => {
      told.costsUnknown = true;
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

interface ContentsRead extends ContentRunResult {
  readonly selection: Selection;
}

async function readContents(pass: Pass, inUse: Uint8Array): Promise<ContentsRead> {
  const { repository, found, seen, former, done } = pass;
  const { reader, format, crypto, url, options } = repository;
  const { indexes, packs, damage, counts } = seen;
  const table = indexes.contents;
  const { share } = options;
  const selection = selectPacks(table.packs, counts.liveInPack, former, share, found.slice);
  for (let packId = 0; packId < table.packs.count; packId += 1) {
    if (done.proofs.has(packKey(table.packs.name(packId)))) selection.chosen[packId] = 0;
  }
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
      isWanted: (position) =>
        isOfPass(pass, position) && (!table.isDeleted(position) || inUse[position] === 1),
      // A look that is repeated is rare, the copy of a large state is not small.
      proofs: done.proofs.size === 0 ? former : new Map([...former, ...done.proofs]),
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
    done.packsRead += run.packsRead;
    done.contentsRead += run.contentsRead;
    done.sizeBytesRead += run.sizeBytesRead;
    return { ...run, selection };
  } finally {
    await checker.close();
  }
}

function addContents(found: Found, run: ContentsRead, done: Done): void {
  const { proofs, findings, isCut, selection } = run;
  const { packsRead, contentsRead, sizeBytesRead } = done;
  for (const [key, at] of proofs) {
    found.proofs.set(key, Math.min(at, found.proofs.get(key) ?? at));
  }
  tell(found, findings);
  found.isCut ||= isCut;
  addTo(found.measures, { packsRead, packsNew: selection.newPacks, contentsRead, sizeBytesRead });
  if (selection.slice === undefined) return;
  found.slice = selection.slice;
  found.measures['slice'] = selection.slice;
}

function addTrees(found: Found, trees: TreeFacts, isFirst: boolean): void {
  addTo(found.measures, { entries: trees.entries });
  addOdd(found.sizesDiffer, trees.sizesDiffer);
  if (!isFirst) return;
  addOdd(found.namesTwice, trees.namesTwice);
  found.measures['directories'] = trees.directories;
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

export function isOutOfTime({ deadline }: VerifyOptions): boolean {
  return deadline !== undefined && deadline.remainingMs() <= 0;
}

function signalOf({ signal }: VerifyOptions): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
