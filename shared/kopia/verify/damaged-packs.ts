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

/** What is wrong with packs, each with what it costs; those that cost nothing are warnings. */
export function packFindings(
  url: string,
  damaged: Iterable<DamagedPack>,
  costs: Costs,
): readonly Finding[] {
  const byCode = Map.groupBy(damaged, ({ reason }) => codeOf(reason));
  return [...byCode].flatMap(([code, packs]) => {
    if (code === 'KOPIA_CONTENT_UNCHECKED') return uncheckedFindings(url, packs, costs);
    const named = packs
      .slice(0, FINDINGS_PER_CODE_MAX)
      .map((pack) => packFinding(url, pack, costs));
    const others = packs.length - named.length;
    if (others === 0) return named;
    const contents = packs.slice(named.length).reduce((sum, pack) => sum + pack.contents, 0);
    const message = `${others} more packs like those named hold ${contents} contents that cannot be read`;
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
  'pack-too-short': 'it ends before them',
  'not-authentic': 'they do not decrypt',
  'hash-mismatch': 'they decrypt to other bytes than their ids say',
  'ecc-damaged': 'a shard of the error correction is damaged, and Drydock does not repair',
  'decompression-failed': 'they do not decompress',
  'decompression-bomb': 'they decompress to more than they should',
};

function packFinding(url: string, pack: DamagedPack, costs: Costs): Finding {
  const { packBlob, reason, contents, sizeBytes, examples } = pack;
  const cost = costs.ofCause(packCause(packBlob, reason));
  const why = WORDS[reason] ?? reason;
  const message = `Pack blob "${packBlob}": ${contents} contents cannot be read, ${why}; ${costWords(cost)}`;
  return finding(codeOf(reason), `${url}${packBlob} ${reason}`, message, {
    ...(cost === undefined && { severity: 'warning' }),
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
    const message = `${contents} contents in ${group.length} packs were not checked: ${reason}`;
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

export function costWords(cost: Cost | undefined): string {
  if (cost === undefined) return 'no snapshot needs them';
  const snapshots = cost.snapshots.size === 1 ? '1 snapshot' : `${cost.snapshots.size} snapshots`;
  return `this costs ${cost.files === 1 ? '1 file' : `${cost.files} files`} in ${snapshots}`;
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
