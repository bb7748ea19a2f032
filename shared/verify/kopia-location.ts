import type { ProofMark, RepositoryLook, RepositorySnapshot } from '../ledger/location-look.ts';
import type { Finding } from '../model/finding.ts';
import type { LadderRow } from '../model/ladder.ts';
import type { Rung } from '../model/rung.ts';
import { breachAfterMs, rpoFindings } from './objectives.ts';
import { AHEAD_MS_MAX, ladderRow, type PointStanding } from './points.ts';
import { markKey, remembered, type StandingOf } from './proofs.ts';

export interface KopiaQuestion {
  /** Name of the location in the configuration. */
  readonly location: string;
  readonly url: string;
  readonly look: RepositoryLook;
  /** How often each source is expected to take a snapshot. */
  readonly intervalMs: number;
  readonly proofAgeMsMax: number;
  /** What earlier runs have proven. */
  readonly marks: readonly ProofMark[];
  /** Judge this source alone. */
  readonly application: string | undefined;
  readonly now: Date;
}

export interface KopiaJudgement {
  readonly rows: readonly LadderRow[];
  readonly standings: readonly StandingOf[];
  readonly findings: readonly Finding[];
}

/**
 * One Kopia repository without Velero: each source is an application, and each of its complete
 * snapshots a recovery point.
 */
export function judgeKopia(question: KopiaQuestion): KopiaJudgement {
  const { location, url, look, intervalMs, now } = question;
  const sources = new Map<string, RepositorySnapshot[]>();
  const known = new Map(question.marks.map((mark) => [markKey(mark), mark]));
  for (const snapshot of look.snapshots) {
    const isAsked = question.application === undefined || question.application === snapshot.source;
    if (snapshot.isIncomplete || !isAsked) continue;
    const own = sources.get(snapshot.source);
    if (own === undefined) sources.set(snapshot.source, [snapshot]);
    else own.push(snapshot);
  }
  const standings: StandingOf[] = [];
  const rows: LadderRow[] = [];
  // A repository that lost all of them lacks those that were proven here once.
  if (look.outcome !== 'unchecked' && look.snapshots.length === 0) {
    for (const { application } of question.marks) {
      const isAsked = question.application === undefined || question.application === application;
      if (isAsked) sources.set(application, []);
    }
  }
  for (const [source, snapshots] of [...sources].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const points = snapshots.map((snapshot) => {
      const fresh = pointOf(snapshot, question);
      const isRefuted = snapshot.verdict === 'damaged' || isAhead(snapshot, now);
      const mark = known.get(markKey({ application: source, point: fresh.point }));
      const standing = remembered(
        { standing: fresh, isRefuted },
        mark,
        question.proofAgeMsMax,
        now,
      );
      standings.push({ application: source, standing, isRefuted });
      return standing;
    });
    const application = {
      name: source,
      namespaces: [],
      labels: new Map(),
      rpoMs: intervalMs,
      isConfigured: false,
      hasClaims: false,
    };
    const breach = breachAfterMs(intervalMs, undefined);
    rows.push(
      ladderRow({ application, location, points, rpoMs: intervalMs, breachAfterMs: breach }),
    );
  }
  return { rows, standings, findings: [...look.findings, ...rpoFindings(rows, { url, now })] };
}

/** Of a computer whose clock was wrong: it would be the newest, and never old, until that day. */
function isAhead({ startTime }: RepositorySnapshot, now: Date): boolean {
  return !(Date.parse(startTime) <= now.getTime() + AHEAD_MS_MAX);
}

function pointOf(snapshot: RepositorySnapshot, question: KopiaQuestion): PointStanding {
  const { look, proofAgeMsMax, now } = question;
  const { id, startTime, verdict } = snapshot;
  const provenAt = look.contentProvenAt;
  // A clock that was ahead must not make a proof young for ever.
  const isYoung =
    provenAt !== undefined && Math.abs(now.getTime() - Date.parse(provenAt)) <= proofAgeMsMax;
  const against =
    verdict === 'damaged'
      ? 'files of it are lost'
      : isAhead(snapshot, now)
        ? `it says that it was taken on ${startTime}, which is yet to come`
        : undefined;
  const isIntact =
    against === undefined && verdict === 'verified' && look.level === 'content' && isYoung;
  const rung: Rung = isIntact ? 'intact' : against === undefined ? 'present' : 'reported';
  const why = isIntact
    ? undefined
    : (against ?? look.reason ?? 'its contents were not read, or too long ago');
  return {
    point: id,
    backup: id,
    takenAt: startTime,
    rung,
    isProven: isIntact,
    isWhole: true,
    ...(isIntact && { provenAt }),
    why: why === undefined ? [] : [why],
    volumes: [
      {
        volume: snapshot.source,
        rung,
        isProven: isIntact,
        kind: 'kopia',
        outcome: verdict === 'damaged' ? 'damaged' : isIntact ? 'stands' : 'unchecked',
        ...(isIntact && { provenAt }),
        ...(why !== undefined && { why }),
      },
    ],
  };
}
