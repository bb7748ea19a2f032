import { type Finding, type FindingCode, finding } from '../../model/finding.ts';
import type { Verdict } from '../../model/report.ts';
import { leavesUnchecked } from '../contents/content-damage.ts';
import type { Snapshot } from '../manifests/snapshots.ts';
import type { KopiaVerification, SnapshotVerdict } from '../verification.ts';
import { verdictOf } from './costs.ts';
import { costEvidence, costWords, counted, packFindings } from './damaged-packs.ts';
import { entryFindings } from './entry-findings.ts';
import { malformedCause, NOT_INDEXED } from './losses.ts';
import type { Found, OpenedRepository } from './run.ts';
import { packKey, stateOf } from './share.ts';

/** Findings that mean that something in the repository is lost. */
const DAMAGE: ReadonlySet<FindingCode> = new Set([
  'KOPIA_CONTENT_DAMAGED',
  'KOPIA_CONTENT_NOT_INDEXED',
  'KOPIA_EPOCH_DIVERGENCE',
  'KOPIA_EPOCH_LOST',
  'KOPIA_INDEX_DAMAGED',
  'KOPIA_MANIFEST_MALFORMED',
  'KOPIA_MANIFESTS_LOST',
  'KOPIA_PACK_MISSING',
  'KOPIA_PACK_TRUNCATED',
  'KOPIA_TREE_MALFORMED',
]);
/** Findings that mean that Kopia opens the repository no more, and that snapshots may be unknown. */
const BLINDING: ReadonlySet<FindingCode> = new Set(['KOPIA_INDEX_DAMAGED', 'KOPIA_MANIFESTS_LOST']);
const MALFORMED_NAMED_MAX = 100;
const EXAMPLES_MAX = 5;
/** Longer than any id that Kopia writes. */
const ID_SHOWN_MAX = 100;
const SNAPSHOTS_NAMED_MAX = 20;
const HOUR_MS = 3_600_000;

/** Puts together what the passes found: findings with their costs, verdicts, the state to keep. */
export function conclude(repository: OpenedRepository, found: Found): KopiaVerification {
  const { url, format, options } = repository;
  const isContent = options.level === 'content';
  const coverage = isContent ? coverageOf(found, options.now) : undefined;
  const isBlind = found.findings.some(
    ({ code, severity }) => BLINDING.has(code) && severity === 'critical',
  );
  const findings = [
    ...found.findings,
    ...entryFindings(url, found),
    ...packFindings(url, found.damaged.values(), found.costs, isBlind || found.costsUnknown),
    ...treeFindings(url, found),
    ...unfinishedSnapshots(url, found.snapshots),
  ];
  const reason = uncheckedReason(found, findings, coverage);
  const damaged = findings.filter(
    ({ code, severity }) => DAMAGE.has(code) && severity !== 'warning',
  );
  const verdict: Verdict =
    damaged.length > 0
      ? { kind: 'damaged', subject: url, findings: damaged }
      : reason !== undefined
        ? { kind: 'unchecked', subject: url, reason }
        : { kind: 'verified', subject: url };
  return {
    verdict,
    findings,
    snapshots: found.snapshots.map((snapshot) =>
      snapshotVerdict(snapshot, found, isBlind, reason !== undefined),
    ),
    measures: {
      ...found.measures,
      packs: found.packsInUse.size,
      ...coverage,
      ...snapshotMeasures(found),
    },
    state: isContent ? stateOf(found.proofs, format.uniqueId) : options.state,
    ...(found.isCut && { unfinished: { reason: 'The deadline came before everything was read' } }),
  };
}

/**
 * A snapshot that lost nothing is verified only if everything was read; while Kopia cannot open the
 * repository at all, no snapshot of it can be restored by anybody.
 */
function snapshotVerdict(
  snapshot: Snapshot,
  found: Found,
  isBlind: boolean,
  isPartial: boolean,
): SnapshotVerdict {
  const { id, source, startTime, incompleteReason } = snapshot;
  const loss = found.costs.ofSnapshot(id);
  const own = verdictOf(loss);
  const kind = isBlind ? 'damaged' : own === 'verified' && isPartial ? 'unchecked' : own;
  return {
    id,
    source: `${source.userName}@${source.host}:${source.path}`,
    startTime,
    verdict: kind,
    isIncomplete: incompleteReason !== undefined,
    filesLost: loss?.filesLost ?? 0,
    paths: loss?.paths ?? [],
  };
}

function uncheckedReason(
  found: Found,
  findings: readonly Finding[],
  coverage: Coverage | undefined,
): string | undefined {
  const unchecked = findings.find(({ code }) => code === 'KOPIA_CONTENT_UNCHECKED');
  if (unchecked !== undefined) return unchecked.message;
  if (found.isCut) return 'The deadline came before everything was read';
  const unread = coverage?.packsUnread ?? 0;
  return unread > 0 ? `${unread} packs were never read` : undefined;
}

interface Coverage {
  readonly packsProven: number;
  /** Never read whole, or found damaged. */
  readonly packsUnproven: number;
  /** Of these the ones that were never read: of what is damaged all is told. */
  readonly packsUnread: number;
  readonly coveragePercent: number;
  /** Of the pack whose proof is oldest. */
  readonly oldestProofAgeHours: number;
}

function coverageOf({ proofs, damaged }: Found, now: Date): Coverage & Record<string, number> {
  // A pack with damage has no proof, so that every run reads all else that is in it.
  const read = new Set(
    [...damaged.values()]
      .filter(({ reason }) => !leavesUnchecked(reason))
      .map(({ packBlob }) => packKey(packBlob)),
  );
  let packsUnread = 0;
  let oldest = now.getTime();
  let packsProven = 0;
  for (const [key, at] of proofs) {
    if (at === 0 && !read.has(key)) packsUnread += 1;
    if (at === 0) continue;
    packsProven += 1;
    oldest = Math.min(oldest, at);
  }
  const coverage = proofs.size === 0 ? 1 : packsProven / proofs.size;
  return {
    packsProven,
    packsUnproven: proofs.size - packsProven,
    packsUnread,
    coveragePercent: Math.floor(coverage * 1000) / 10,
    oldestProofAgeHours: Math.round(((now.getTime() - oldest) / HOUR_MS) * 10) / 10,
  };
}

function treeFindings(url: string, found: Found): readonly Finding[] {
  const malformed = [...found.malformed].slice(0, MALFORMED_NAMED_MAX).map(([objectId, detail]) => {
    const cost = found.costs.ofCause(malformedCause(objectId));
    const shown = objectId.slice(0, ID_SHOWN_MAX);
    const message = `Object "${shown}" cannot be used: ${detail}; ${costWords(cost)}`;
    return finding('KOPIA_TREE_MALFORMED', `${url} object ${shown}`, message, {
      evidence: { objectId: shown, ...costEvidence(cost) },
    });
  });
  return [...malformed, ...notIndexedFindings(url, found), ...deletedFindings(url, found)];
}

function notIndexedFindings(url: string, found: Found): readonly Finding[] {
  const { size } = found.notIndexed;
  if (size === 0) return [];
  const cost = found.costs.ofCause(NOT_INDEXED);
  const message = `No index entry describes ${counted(size, 'content')} that snapshots need; ${costWords(cost)}`;
  return [
    finding('KOPIA_CONTENT_NOT_INDEXED', url, message, {
      evidence: {
        contents: size,
        contentIds: [...found.notIndexed].slice(0, EXAMPLES_MAX),
        ...costEvidence(cost),
      },
    }),
  ];
}

function deletedFindings(url: string, found: Found): readonly Finding[] {
  const { size } = found.deletedInUse;
  if (size === 0) return [];
  const message = `The index marks ${counted(size, 'content')} as deleted that snapshots need`;
  const contentIds = [...found.deletedInUse].slice(0, EXAMPLES_MAX);
  return [
    finding('KOPIA_CONTENT_DELETED_IN_USE', url, message, {
      evidence: { contents: size, contentIds },
    }),
  ];
}

function unfinishedSnapshots(url: string, snapshots: readonly Snapshot[]): readonly Finding[] {
  const unfinished = snapshots.filter(({ incompleteReason }) => incompleteReason !== undefined);
  if (unfinished.length === 0) return [];
  const message = `Uploads that did not end left ${counted(unfinished.length, 'snapshot')}`;
  const named = unfinished.slice(-SNAPSHOTS_NAMED_MAX);
  return [
    finding('KOPIA_SNAPSHOT_UNFINISHED', url, message, {
      evidence: {
        snapshots: named.map(({ id, incompleteReason }) => `${id}: ${incompleteReason}`),
      },
    }),
  ];
}

function snapshotMeasures(found: Found): Record<string, number> {
  return {
    snapshots: found.snapshots.length,
    snapshotsDamaged: found.costs.snapshotsDamaged,
    snapshotsUnchecked: found.costs.snapshotsUnchecked,
  };
}
