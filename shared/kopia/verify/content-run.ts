import type { Deadline } from '../../model/clock.ts';
import { type Finding, finding } from '../../model/finding.ts';
import { type CheckPacksDeps, checkPacks } from '../contents/check-packs.ts';
import { groupByPack, type PackContents } from '../contents/pack-positions.ts';
import type { DamageMap } from './damage-map.ts';
import { type PackFacts, READ_COSTS } from './packs.ts';
import { type Proofs, packKey, type Selection } from './share.ts';

export interface ContentRun extends CheckPacksDeps {
  readonly url: string;
  readonly packs: PackFacts;
  readonly damage: DamageMap;
  readonly selection: Selection;
  /** Whether the content is one of this pass, and live, or in use though marked as deleted. */
  readonly isWanted: (position: number) => boolean;
  /** Of former runs. */
  readonly proofs: Proofs;
  readonly now: Date;
  readonly allowRetrieval: boolean;
  readonly deadline: Deadline | undefined;
  readonly signal: AbortSignal | undefined;
  readonly progress: (
    packsDone: number,
    packsAll: number,
    bytesDone: number,
    bytesAll: number,
  ) => void;
}

export interface ContentRunResult {
  readonly packsRead: number;
  readonly contentsRead: number;
  readonly sizeBytesRead: number;
  /** When each pack in use was last proven, this run included; 0 for never. */
  readonly proofs: Proofs;
  readonly findings: readonly Finding[];
  /** The deadline came first. */
  readonly isCut: boolean;
}

/**
 * Reads, decrypts and re-hashes the contents of the chosen packs. A pack is proven when every
 * wanted content in it passed; damage goes to the map. Packs that were not read keep their former proof.
 */
export async function checkContents(run: ContentRun): Promise<ContentRunResult> {
  const { table, packs, damage, selection, deadline, signal } = run;
  // What the listing has shown to be lost needs no read to be known.
  const groups = groupByPack(
    table,
    (position) => run.isWanted(position) && damage.get(position) === undefined,
  );
  const isHurt = new Uint8Array(table.packs.count);
  for (const position of damage.positions()) isHurt[table.packOf(position)] = 1;
  const proofs: Proofs = new Map();
  const skipped = { archived: [] as number[], fee: [] as number[] };
  const chosen: PackContents[] = [];
  for (const group of groups.packs()) {
    const { packId } = group;
    const key = nameKey(run, packId);
    proofs.set(key, isHurt[packId] === 1 ? 0 : (run.proofs.get(key) ?? 0));
    if (selection.chosen[packId] !== 1) continue;
    const cost = READ_COSTS[packs.cost[packId] ?? 0] ?? 'free';
    if (cost === 'archived') skipped.archived.push(packId);
    else if (cost === 'fee' && !run.allowRetrieval) skipped.fee.push(packId);
    else chosen.push(group);
  }
  const bytesAll = chosen.reduce((sum, { packId }) => sum + (packs.sizeBytes[packId] ?? 0), 0);
  let isCut = false;
  function* untilDeadline(): Generator<PackContents> {
    for (const group of chosen) {
      if (deadline !== undefined && deadline.remainingMs() <= 0) {
        isCut = true;
        return;
      }
      yield group;
    }
  }

  const result = { packsRead: 0, contentsRead: 0, sizeBytesRead: 0 };
  let unreadPacks = 0;
  let unreadError: Error | undefined;
  const checked = checkPacks(run, untilDeadline(), {
    ...(signal && { signal }),
    onProgress: (_, sizeBytes) =>
      run.progress(result.packsRead, chosen.length, sizeBytes, bytesAll),
  });
  for await (const pack of checked) {
    result.packsRead += 1;
    result.contentsRead += pack.contents;
    result.sizeBytesRead += pack.sizeBytes;
    for (const { position, reason } of pack.failures) damage.set(position, reason);
    if (pack.unread !== undefined) {
      unreadPacks += 1;
      unreadError ??= pack.unread.error;
    } else {
      const isWhole = pack.failures.length === 0 && isHurt[pack.packId] === 0;
      proofs.set(nameKey(run, pack.packId), isWhole ? run.now.getTime() : 0);
    }
  }
  const findings = [
    ...skippedFinding(run, skipped.archived, 'their storage class is an archive'),
    ...skippedFinding(run, skipped.fee, 'their storage class charges for reading'),
    ...unreadFinding(run, unreadPacks, unreadError),
  ];
  return { ...result, proofs, findings, isCut };
}

function nameKey(run: ContentRun, packId: number): string {
  return packKey(run.table.packs.name(packId));
}

function skippedFinding(run: ContentRun, packIds: readonly number[], why: string): Finding[] {
  if (packIds.length === 0) return [];
  const sizeBytes = packIds.reduce((sum, id) => sum + (run.packs.sizeBytes[id] ?? 0), 0);
  const message = `${packIds.length} packs were not read: ${why}`;
  const packs = packIds.slice(0, 5).map((id) => run.table.packs.name(id));
  return [
    finding('KOPIA_CONTENT_UNCHECKED', `${run.url} ${why}`, message, {
      evidence: { packs, packBlobs: packIds.length, sizeBytes },
    }),
  ];
}

function unreadFinding(run: ContentRun, packs: number, error: Error | undefined): Finding[] {
  if (packs === 0 || error === undefined) return [];
  const message = `${packs} packs could not be read: ${error.message}`;
  return [
    finding('KOPIA_CONTENT_UNCHECKED', `${run.url} unread`, message, {
      hint: 'Run again; if it stays, look at the permissions and the health of the store',
      evidence: { packBlobs: packs },
    }),
  ];
}
