import { type Finding, type FindingCode, finding } from '../../model/finding.ts';
import { type DamageReason, leavesUnchecked } from '../contents/content-damage.ts';
import type { ContentTable } from '../indexes/content-table.ts';
import type { Cost, Costs } from './costs.ts';
import type { DamageMap } from './damage-map.ts';
import { packCause } from './losses.ts';

/** Contents of one pack that cannot be read for one reason. */
export interface DamagedPack {
  readonly packBlob: string;
  readonly reason: DamageReason;
  contents: number;
  sizeBytes: number;
  readonly examples: string[];
}

const EXAMPLES_MAX = 5;
const SNAPSHOTS_NAMED_MAX = 20;
/** Beyond this number the rest of a code is told in one finding: an emptied bucket has thousands. */
const FINDINGS_PER_CODE_MAX = 100;

/** Adds the damage of one pass, from position `first` on, to what others found. */
export function collectDamage(
  into: Map<string, DamagedPack>,
  table: ContentTable,
  damage: DamageMap,
  counts: (position: number) => boolean,
): void {
  for (const position of damage.positions()) {
    const reason = damage.get(position);
    if (reason === undefined || !counts(position)) continue;
    const packBlob = table.packs.name(table.packOf(position));
    const key = packCause(packBlob, reason);
    const pack = into.get(key) ?? { packBlob, reason, contents: 0, sizeBytes: 0, examples: [] };
    pack.contents += 1;
    pack.sizeBytes += table.packedLengthOf(position);
    if (pack.examples.length < EXAMPLES_MAX) pack.examples.push(table.idOf(position));
    into.set(key, pack);
  }
}

/**
 * What is wrong with packs, each with what it costs; those that cost nothing are warnings.
 * @param isBlind some snapshots could not be listed, so that nobody knows what they need
 */
export function packFindings(
  url: string,
  damaged: Iterable<DamagedPack>,
  costs: Costs,
  isBlind: boolean,
): readonly Finding[] {
  const byCode = Map.groupBy(damaged, ({ reason }) => codeOf(reason));
  return [...byCode].flatMap(([code, packs]) => {
    if (code === 'KOPIA_CONTENT_UNCHECKED') return uncheckedFindings(url, packs, costs);
    const named = packs
      .slice(0, FINDINGS_PER_CODE_MAX)
      .map((pack) => packFinding(url, pack, costs, isBlind));
    const others = packs.length - named.length;
    if (others === 0) return named;
    const contents = packs.slice(named.length).reduce((sum, pack) => sum + pack.contents, 0);
    const message = `${others} more packs like those named hold ${counted(contents, 'content')} that cannot be read`;
    return [...named, finding(code, url, message)];
  });
}

function codeOf(reason: DamageReason): FindingCode {
  if (leavesUnchecked(reason)) return 'KOPIA_CONTENT_UNCHECKED';
  if (reason === 'pack-missing') return 'KOPIA_PACK_MISSING';
  if (reason === 'pack-too-short') return 'KOPIA_PACK_TRUNCATED';
  return 'KOPIA_CONTENT_DAMAGED';
}

const WORDS: Readonly<Partial<Record<DamageReason, string>>> = {
  'pack-missing': 'it is not in the store',
  'pack-too-short': 'it ends too early',
  'not-authentic': 'decryption fails',
  'too-short': 'the index gives fewer bytes than encryption alone adds',
  'hash-mismatch': 'what decrypts is not what was hashed when it was backed up',
  'ecc-damaged': 'a shard of the error correction is damaged, and Drydock does not repair',
  'length-mismatch': 'the index gives another length',
  'decompression-failed': 'decompression fails',
  'decompression-bomb': 'decompression gives more than the index promises',
  'header-mismatch': 'the index names another compression',
};

function packFinding(url: string, pack: DamagedPack, costs: Costs, isBlind: boolean): Finding {
  const { packBlob, reason, contents, sizeBytes, examples } = pack;
  const cost = costs.ofCause(packCause(packBlob, reason));
  const why = WORDS[reason] ?? reason;
  const message = `Pack blob "${packBlob}": ${counted(contents, 'content')} cannot be read, ${why}; ${costWords(cost, isBlind)}`;
  return finding(codeOf(reason), `${url}${packBlob} ${reason}`, message, {
    ...(cost === undefined && !isBlind && { severity: 'warning' }),
    evidence: {
      packBlob,
      reason,
      contents,
      sizeBytes,
      contentIds: examples,
      ...costEvidence(cost),
    },
  });
}

function uncheckedFindings(
  url: string,
  packs: readonly DamagedPack[],
  costs: Costs,
): readonly Finding[] {
  return [...Map.groupBy(packs, ({ reason }) => reason)].map(([reason, group]) => {
    const contents = group.reduce((sum, pack) => sum + pack.contents, 0);
    const sizeBytes = group.reduce((sum, pack) => sum + pack.sizeBytes, 0);
    const snapshots = new Set(
      group.flatMap((pack) => [
        ...(costs.ofCause(packCause(pack.packBlob, reason))?.snapshots ?? []),
      ]),
    );
    const message = `Not checked: ${counted(contents, 'content')} in ${counted(group.length, 'pack')}, ${reason}`;
    return finding('KOPIA_CONTENT_UNCHECKED', `${url} ${reason}`, message, {
      evidence: {
        reason,
        contents,
        sizeBytes,
        packs: group.slice(0, EXAMPLES_MAX).map(({ packBlob }) => packBlob),
        snapshots: [...snapshots].slice(0, SNAPSHOTS_NAMED_MAX),
      },
    });
  });
}

export function costWords(cost: Cost | undefined, isBlind = false): string {
  if (cost === undefined) {
    return isBlind ? 'which snapshots need that is not known' : 'no snapshot needs that';
  }
  return `this costs ${counted(cost.files, 'file')} in ${counted(cost.snapshots.size, 'snapshot')}`;
}

export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

export function costEvidence(
  cost: Cost | undefined,
): Readonly<Record<string, number | readonly string[]>> {
  if (cost === undefined) return { files: 0, snapshots: [] };
  return {
    files: cost.files,
    snapshots: [...cost.snapshots].slice(0, SNAPSHOTS_NAMED_MAX),
    paths: cost.paths,
  };
}
