import { createHash } from 'node:crypto';
import { DrydockError } from '../../model/errors.ts';
import type { PackTable } from '../indexes/content-table.ts';

/**
 * Which packs were read when: what one run of the content level hands to the next. Plain JSON. It
 * names packs by a hash, so that nobody can name a new pack such that it passes for a known one.
 */
export interface VerificationState {
  readonly schema: typeof STATE_SCHEMA;
  /** The repository that it belongs to; a state of another one counts for nothing. */
  readonly repositoryId: string;
  /** Ascending by time, each with the packs whose last proof it is. */
  readonly runs: readonly {
    /** RFC 3339. */
    readonly at: string;
    /** Base64 of 8 bytes per pack: the beginning of SHA-256 of its name. */
    readonly packs: string;
  }[];
}

export const STATE_SCHEMA = 'drydock/kopia-verification/v1';

const KEY_BYTES = 8;

/** When packs were last read whole, in milliseconds since 1970, by `packKey`. */
export type Proofs = Map<string, number>;

/** Says whether a value read from somewhere is a state that this version understands. */
export function isVerificationState(value: unknown): value is VerificationState {
  const state = value as Partial<VerificationState> | null;
  return (
    typeof state === 'object' &&
    state?.schema === STATE_SCHEMA &&
    typeof state.repositoryId === 'string' &&
    Array.isArray(state.runs) &&
    state.runs.every(
      (run: unknown) =>
        typeof run === 'object' &&
        run !== null &&
        'at' in run &&
        typeof run.at === 'string' &&
        Number.isFinite(Date.parse(run.at)) &&
        'packs' in run &&
        typeof run.packs === 'string',
    )
  );
}

/** The proofs that a state holds; none when it is of another repository. */
export function proofsOf(state: VerificationState | undefined, repositoryId: string): Proofs {
  const proofs: Proofs = new Map();
  if (state?.repositoryId !== repositoryId) return proofs;
  for (const run of state.runs) {
    const keys = Buffer.from(run.packs, 'base64');
    for (let i = 0; i + KEY_BYTES <= keys.length; i += KEY_BYTES) {
      proofs.set(keys.toString('latin1', i, i + KEY_BYTES), Date.parse(run.at));
    }
  }
  return proofs;
}

/** The state that remembers these proofs; a time of 0 is none. */
export function stateOf(proofs: Proofs, repositoryId: string): VerificationState {
  const proven = [...proofs].filter(([, at]) => at > 0);
  const runs = [...Map.groupBy(proven, ([, at]) => at)].sort(([a], [b]) => a - b);
  return {
    schema: STATE_SCHEMA,
    repositoryId,
    runs: runs.map(([at, packs]) => ({
      at: new Date(at).toISOString(),
      packs: Buffer.from(
        packs
          .map(([key]) => key)
          .sort()
          .join(''),
        'latin1',
      ).toString('base64'),
    })),
  };
}

/** What stands for a pack in a state: 8 bytes, one character each. */
export function packKey(packName: string): string {
  return nameHash(packName).toString('latin1', 0, KEY_BYTES);
}

export interface Share {
  readonly of: number;
  /** 1 to `of`. */
  readonly slice?: number;
}

/** What one run reads: every pack in use without a proof, and those of one slice. */
export interface Selection {
  /** By pack id; 1 is to be read. */
  readonly chosen: Uint8Array;
  /** The slice that was taken; absent when everything is read. */
  readonly slice?: number;
  readonly newPacks: number;
}

/**
 * Chooses the packs of a run: all that have no proof yet, and one slice. `of` runs in a row that are
 * not given a slice read every byte, since each takes the slice whose oldest proof is oldest. Where
 * nothing is remembered at all, a slice that was asked for by its number is all that is read.
 * @param inUse by pack id: not 0 where the pack holds live contents
 * @param fixedSlice the one that an earlier pass of this run chose
 * @throws DrydockError `SHARE_INVALID`
 */
export function selectPacks(
  packs: PackTable,
  inUse: Uint32Array,
  proofs: Proofs,
  share: Share | undefined,
  fixedSlice?: number,
): Selection {
  if (share !== undefined) checkShare(share);
  const slice = share && (share.slice ?? fixedSlice ?? oldestSlice(packs, inUse, proofs, share.of));
  const remembers = share?.slice === undefined || proofs.size > 0;
  const chosen = new Uint8Array(packs.count);
  let newPacks = 0;
  for (let packId = 0; packId < packs.count; packId++) {
    if (inUse[packId] === 0) continue;
    const name = packs.name(packId);
    const isNew = remembers && !proofs.has(packKey(name));
    if (isNew) newPacks += 1;
    if (isNew || share === undefined || sliceOf(name, share.of) === slice) chosen[packId] = 1;
  }
  return { chosen, newPacks, ...(slice !== undefined && { slice }) };
}

function oldestSlice(packs: PackTable, inUse: Uint32Array, proofs: Proofs, of: number): number {
  const oldest = new Float64Array(of).fill(Number.POSITIVE_INFINITY);
  for (let packId = 0; packId < packs.count; packId++) {
    if (inUse[packId] === 0) continue;
    const name = packs.name(packId);
    // Packs without a proof are read in any case and say nothing about their slice.
    const at = proofs.get(packKey(name));
    const slice = sliceOf(name, of) - 1;
    if (at !== undefined && at < (oldest[slice] ?? 0)) oldest[slice] = at;
  }
  return oldest.indexOf(Math.min(...oldest)) + 1;
}

/** Which of `of` slices, counted from 1, a pack belongs to, whatever else is in the repository. */
export function sliceOf(packName: string, of: number): number {
  return (nameHash(packName).readUInt32BE(KEY_BYTES) % of) + 1;
}

function nameHash(name: string): Buffer {
  return createHash('sha256').update(name).digest();
}

function checkShare({ of, slice }: Share): void {
  const whole = (value: number, max: number) =>
    Number.isInteger(value) && value >= 1 && value <= max;
  if (whole(of, 1000) && (slice === undefined || whole(slice, of))) return;
  const message = `Cannot read the share "${slice ?? ''}/${of}": it must be n/t with 1 <= n <= t <= 1000`;
  throw new DrydockError('usage', 'SHARE_INVALID', message, {
    hint: 'Write --share 1/7 for the first of seven slices, or --share 7 for the one proven longest ago',
  });
}
