import { DrydockError } from '../../model/errors.ts';
import type { Finding } from '../../model/finding.ts';
import type { ObjectReader } from '../../stores/store.ts';
import type { RepositoryCrypto } from '../crypto/repository-crypto.ts';
import type { RepositoryFormat } from '../format/repository-format.ts';
import { findIndexes } from '../indexes/find-indexes.ts';
import type { Slice } from '../indexes/loaded-indexes.ts';
import { equalSlices, planSlices, SLICES_MAX } from '../indexes/plan-slices.ts';
import type { Snapshot } from '../manifests/snapshots.ts';
import type { KopiaVerification, VerifyOptions } from '../verification.ts';
import { conclude } from './conclusion.ts';
import { type Costs, costs as noCosts } from './costs.ts';
import type { DamagedPack } from './damaged-packs.ts';
import { isOutOfTime, onePass } from './pass.ts';
import { formatFindings } from './settings.ts';
import { type Proofs, packKey, proofsOf } from './share.ts';
import type { OddEntries } from './trees.ts';

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
  /** Damage to which no cost is known may cost something all the same. */
  costsUnknown: boolean;
  /** Those that every pass has seen. */
  snapshots: readonly Snapshot[];
  readonly malformed: Map<string, string>;
  readonly notIndexed: Set<string>;
  readonly deletedInUse: Set<string>;
  readonly packsInUse: Set<string>;
  readonly sizesDiffer: OddEntries;
  readonly namesTwice: OddEntries;
  readonly measures: Record<string, number>;
  /** By pack: when it was last proven, over all passes the earliest; empty at the structure level. */
  readonly proofs: Proofs;
  /** Of the packs that are read: the same in every pass. */
  slice: number | undefined;
  isCut: boolean;
}

/** Verifies a repository whose format was read. See `verifyRepository`. */
export async function verifyOpened(repository: OpenedRepository): Promise<KopiaVerification> {
  const { reader, format, crypto, url, options } = repository;
  const found: Found = {
    findings: [...formatFindings(url, format)],
    damaged: new Map(),
    costs: noCosts(),
    costsUnknown: false,
    snapshots: [],
    malformed: new Map(),
    notIndexed: new Set(),
    deletedInUse: new Set(),
    packsInUse: new Set(),
    sizesDiffer: { count: 0, examples: [] },
    namesTwice: { count: 0, examples: [] },
    measures: {},
    proofs: new Map(),
    slice: undefined,
    isCut: false,
  };
  const { active } = await findIndexes(reader, format, crypto, options);
  const indexSizeBytes = active.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const slices = await firstPass(repository, found, indexSizeBytes);
  for (const slice of slices.slice(1)) {
    found.isCut ||= isOutOfTime(options);
    if (found.isCut) break;
    await onePass(repository, found, slice, false);
  }
  if (found.isCut) keepFormerProofs(found, proofsOf(options.state, format.uniqueId), slices.length);
  return conclude(repository, found);
}

/**
 * Goes through the first slice. Contents with a letter are in every slice: where they are so many
 * that one is too large, twice as many slices are tried.
 */
async function firstPass(
  repository: OpenedRepository,
  found: Found,
  indexSizeBytes: number,
): Promise<readonly Slice[]> {
  const { options } = repository;
  let slices = planSlices(indexSizeBytes, options.entriesInOnePass);
  for (;;) {
    found.isCut = isOutOfTime(options);
    if (found.isCut) return slices;
    try {
      await onePass(repository, found, slices.length === 1 ? undefined : slices[0], true);
      return slices;
    } catch (error) {
      const isTooLarge = error instanceof DrydockError && error.code === 'KOPIA_INDEX_TOO_LARGE';
      if (!isTooLarge || slices.length === SLICES_MAX) throw error;
      slices = equalSlices(slices.length * 2);
    }
  }
}

/**
 * A run that was cut proves no pack of which another pass would have read more, and forgets none
 * that it did not come to.
 */
function keepFormerProofs(found: Found, former: Proofs, passes: number): void {
  const { proofs, damaged } = found;
  if (passes > 1) {
    for (const [key, at] of proofs) proofs.set(key, Math.min(at, former.get(key) ?? 0));
  }
  for (const [key, at] of former) if (!proofs.has(key)) proofs.set(key, at);
  for (const { packBlob } of damaged.values()) proofs.set(packKey(packBlob), 0);
}
