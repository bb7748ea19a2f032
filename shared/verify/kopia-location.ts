import type { RepositoryLook, RepositorySnapshot } from '../ledger/location-look.ts';
import type { Finding } from '../model/finding.ts';
import type { LadderRow } from '../model/ladder.ts';
import type { Rung } from '../model/rung.ts';
import { breachAfterMs, rpoFindings } from './objectives.ts';
import type { PointStanding } from './points.ts';
import { ladderRow } from './points.ts';
import type { StandingOf } from './proofs.ts';

export interface KopiaQuestion {
  /** Name of the location in the configuration. */
  readonly location: string;
  readonly url: string;
  readonly look: RepositoryLook;
  /** How often each source is expected to take a snapshot. */
  readonly intervalMs: number;
  readonly proofAgeMsMax: number;
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
  for (const snapshot of look.snapshots) {
    if (snapshot.isIncomplete) continue;
    const own = sources.get(snapshot.source);
    if (own === undefined) sources.set(snapshot.source, [snapshot]);
    else own.push(snapshot);
  }
  const standings: StandingOf[] = [];
  const rows: LadderRow[] = [];
  for (const [source, snapshots] of [...sources].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const points = snapshots.map((snapshot) => pointOf(snapshot, question));
    for (const standing of points) {
      const isRefuted = standing.volumes.some(({ outcome }) => outcome === 'damaged');
      standings.push({ application: source, standing, isRefuted });
    }
    const application = {
      name: source,
      namespaces: [],
      labels: new Map(),
      rpoMs: intervalMs,
      isConfigured: false,
    };
    const breach = breachAfterMs(intervalMs, undefined);
    rows.push(ladderRow({ application, location, points, rpoMs: intervalMs, breachAfterMs: breach }));
  }
  return { rows, standings, findings: [...look.findings, ...rpoFindings(rows, { url, now })] };
}

function pointOf(snapshot: RepositorySnapshot, question: KopiaQuestion): PointStanding {
  const { look, proofAgeMsMax, now } = question;
  const { id, startTime, verdict } = snapshot;
  const provenAt = look.contentProvenAt;
  const isYoung =
    provenAt !== undefined && now.getTime() - Date.parse(provenAt) <= proofAgeMsMax;
  const isIntact = verdict === 'verified' && look.level === 'content' && isYoung;
  const rung: Rung = isIntact ? 'intact' : verdict === 'damaged' ? 'reported' : 'present';
  const why =
    verdict === 'damaged'
      ? 'files of it are lost'
      : isIntact
        ? undefined
        : (look.reason ?? 'its contents were not read, or too long ago');
  return {
    point: id,
    backup: id,
    takenAt: startTime,
    rung,
    isProven: isIntact,
    ...(isIntact && { provenAt }),
    why: why === undefined ? [] : [why],
    volumes: [
      {
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
