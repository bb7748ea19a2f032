import { hash } from 'node:crypto';
import type { ProofMark } from '../ledger/location-look.ts';
import { addProof, PROOF_SKEW_MS, type Proof } from '../ledger/proofs.ts';
import { forEachLimited } from '../model/limited.ts';
import { isRungAtLeast, type Rung } from '../model/rung.ts';
import type { VerifyDeps } from './job.ts';
import type { PointStanding } from './points.ts';

/** A standing of an application's point, with what tells the point apart. */
export interface StandingOf {
  readonly application: string;
  readonly standing: PointStanding;
  /** The run looked, and the point does not stand where it may have stood before. */
  readonly isRefuted: boolean;
}

export interface PlannedProof extends ProofMark {
  readonly takenAt: string;
  /** How: `kopia`, `cloud-snapshot`, `tarball`, in the order of the volumes. */
  readonly kind: string;
}

/**
 * A run that learnt nothing of a point does not take back what an earlier one has proven: of the
 * same volumes, since an application may have been given more of them, and by a clock that was not
 * ahead, which would keep a proof young for as long as it was.
 */
export function remembered(
  { standing, isRefuted }: Pick<StandingOf, 'standing' | 'isRefuted'>,
  mark: ProofMark | undefined,
  proofAgeMsMax: number,
  now: Date,
): PointStanding {
  if (standing.isProven || isRefuted || mark?.outcome !== 'proven') return standing;
  const ageMs = now.getTime() - Date.parse(mark.provenAt);
  if (ageMs > proofAgeMsMax || ageMs < -PROOF_SKEW_MS) return standing;
  if (!isRungAtLeast(mark.rung, standing.rung) || mark.covers !== coverOf(standing)) {
    return standing;
  }
  const isKopia = standing.volumes.some(({ kind }) => kind === 'kopia');
  const isProven = mark.rung === 'intact' || (mark.rung === 'present' && !isKopia);
  if (mark.rung === standing.rung && !isProven) return standing;
  const why = isProven ? [] : standing.why;
  return { ...standing, rung: mark.rung, isProven, provenAt: mark.provenAt, why };
}

function coverOf({ volumes }: PointStanding): string {
  const ids = volumes.map(({ volume }) => volume).sort();
  return hash('sha256', JSON.stringify(ids)).slice(0, 16);
}

/**
 * Which proofs to write: new ones, those that would soon be too old, and one refutation for each
 * point that fell. What the marks know to be in the ledger is left alone.
 */
export function planProofs(
  standings: readonly StandingOf[],
  marks: readonly ProofMark[],
  proofAgeMsMax: number,
  now: Date,
): readonly PlannedProof[] {
  const known = new Map(marks.map((mark) => [markKey(mark), mark]));
  return standings.flatMap(({ application, standing, isRefuted }): PlannedProof[] => {
    const { point, rung, takenAt } = standing;
    const mark = known.get(markKey({ application, point }));
    const kind = [...new Set(standing.volumes.map((volume) => volume.kind))].join(' ') || 'tarball';
    const covers = coverOf(standing);
    const base = { application, point, takenAt, kind, covers };
    if (isRefuted) {
      const fell = nextRung(rung);
      const isKnown = mark === undefined || (mark.outcome === 'refuted' && mark.rung === fell);
      return isKnown
        ? []
        : [{ ...base, rung: fell, outcome: 'refuted', provenAt: now.toISOString() }];
    }
    const provenAt = standing.provenAt ?? now.toISOString();
    if (rung === 'reported') return [];
    const proof = { ...base, rung, outcome: 'proven', provenAt } as const;
    if (mark?.outcome !== 'proven' || mark.covers !== covers) return [proof];
    const ageMs = now.getTime() - Date.parse(mark.provenAt);
    const isYoung = ageMs >= -PROOF_SKEW_MS && ageMs < proofAgeMsMax / 4;
    return mark.rung === rung && (isYoung || mark.provenAt === provenAt) ? [] : [proof];
  });
}

/** A point that stands on `reported` was refuted to be `present`, and so on. */
function nextRung(rung: Rung): Rung {
  return rung === 'reported' ? 'present' : 'intact';
}

/**
 * Marks of points that are still there, with what was written now. Where none is left they stay:
 * they alone know what the location once held.
 * @param standings all that there are; `undefined` when the run looked at a part of them
 */
export function marksAfter(
  marks: readonly ProofMark[],
  written: readonly PlannedProof[],
  standings: readonly StandingOf[] | undefined,
): readonly ProofMark[] {
  const there =
    standings !== undefined && standings.length > 0
      ? new Set(
          standings.map(({ application, standing: { point } }) => markKey({ application, point })),
        )
      : undefined;
  const all = new Map(marks.map((mark) => [markKey(mark), mark]));
  for (const { takenAt: _, kind: __, ...mark } of written) all.set(markKey(mark), mark);
  return [...all].filter(([key]) => there?.has(key) ?? true).map(([, mark]) => mark);
}

export function markKey({ application, point }: Pick<ProofMark, 'application' | 'point'>): string {
  return `${application}\n${point}`;
}

const WRITES_AT_ONCE = 16;

export async function writeProofs(
  deps: Pick<VerifyDeps, 'state' | 'uniqueId' | 'signal'>,
  run: { readonly identity: string; readonly runId: string },
  planned: readonly PlannedProof[],
): Promise<void> {
  const limits = { concurrency: WRITES_AT_ONCE, weightMax: Number.POSITIVE_INFINITY };
  const options = { ...(deps.signal && { signal: deps.signal }) };
  await forEachLimited(
    planned,
    limits,
    () => 0,
    async (each) => {
      const { application, point, takenAt, rung, outcome, provenAt, kind } = each;
      const id = { location: run.identity, application, point, takenAt };
      const proof: Proof = { rung, outcome, provenAt, runId: run.runId, kind };
      await addProof(deps.state, id, proof, deps.uniqueId, options);
    },
  );
}
