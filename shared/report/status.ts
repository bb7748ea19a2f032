import { ageHours, type Ladder, type LadderPoint, type LadderRow } from '../model/ladder.ts';

/** A recovery point with its age at the time of asking. */
export interface AgedPoint extends LadderPoint {
  readonly ageHours: number;
}

/**
 * How old the newest proven point is: within the RPO, older, or so old that somebody has to act:
 * beyond `breachAfterHours`. `unproven`: there is none, which is no better.
 */
export type AgeVerdict = 'within-rpo' | 'over-rpo' | 'breached' | 'unproven';

/** One application at one location. */
export interface StatusRow {
  readonly application: string;
  readonly location: string;
  readonly url: string;
  readonly class?: string;
  readonly namespaces: readonly string[];
  /** Recovery points here, whatever their rung. */
  readonly points: number;
  readonly newest?: AgedPoint;
  readonly proven?: AgedPoint;
  readonly rpoHours: number;
  readonly breachAfterHours: number;
  readonly verdict: AgeVerdict;
  /** Why the newest point is not proven, a clause each. */
  readonly why: readonly string[];
  readonly checkedAt: string;
}

export interface StatusLocation {
  readonly location: string;
  readonly url: string;
  /** Absent: no run has looked at it. */
  readonly checkedAt?: string;
  readonly checkedHoursAgo?: number;
  /** Never checked, or so long ago that what is said here may have changed. */
  readonly isStale: boolean;
  /** Of a configuration: whether it names this location. Rows of others are left out. */
  readonly isConfigured: boolean;
  /** Witnesses that could not be asked, a clause each. */
  readonly unchecked: readonly string[];
}

/** What the ledger says now. The JSON form is public, like that of a report. */
export interface Status {
  readonly schema: 'drydock/status/v1';
  readonly at: string;
  /** URL without credentials. */
  readonly state: string;
  /** Ascending by application, then location. */
  readonly rows: readonly StatusRow[];
  readonly locations: readonly StatusLocation[];
  readonly notCovered: readonly string[];
}

/** A ladder by the key of its record, which alone tells two places of one URL apart. */
export interface KeptLadder {
  readonly key: string;
  readonly ladder: Ladder;
}

/** A location of the configuration, with the key that its ladder has. */
export interface KnownLocation {
  readonly name: string;
  readonly url: string;
  readonly key: string;
}

/** What backups of a cluster do not hold, whatever the ladder says. */
export const NOT_COVERED: readonly string[] = [
  'managed databases (RDS, Aurora, DynamoDB, Azure SQL, Cosmos DB)',
  'buckets and containers that applications write to',
  'IAM: roles, policies and identities of the clouds',
  'EFS and Azure Files volumes without file-system backup',
  'container images',
  'secrets stores outside the cluster (Secrets Manager, Key Vault, Vault)',
];

/** A check older than this many of the shortest RPO of its location says little of today. */
const STALE_RPOS = 3;
const STALE_HOURS_DEFAULT = 72;

/**
 * Sets what the last runs left against the hour of asking: ages are those of now, so that a job
 * that no longer runs lets them grow.
 * @param known the locations of the configuration; absent without one: then all ladders count.
 */
export function statusOf(
  kept: readonly KeptLadder[],
  known: readonly KnownLocation[] | undefined,
  state: string,
  now: Date,
): Status {
  const byKey = new Map((known ?? []).map((each) => [each.key, each]));
  const seen = new Set(kept.map(({ key }) => key));
  const unseen = (known ?? []).filter(({ key }) => !seen.has(key));
  const ladders = kept.map(({ key, ladder }) => ({
    ladder,
    location: byKey.get(key)?.name ?? ladder.location,
    isConfigured: known === undefined || byKey.has(key),
  }));
  const rows = ladders
    .filter(({ isConfigured }) => isConfigured)
    .flatMap(({ ladder, location }) =>
      ladder.rows.map((row) => statusRow(row, ladder, location, now)),
    );
  const locations: StatusLocation[] = [
    ...ladders.map(({ ladder, location, isConfigured }) => ({
      ...checked(ladder, now),
      location,
      isConfigured,
    })),
    ...unseen.map(({ name, url }) => ({
      location: name,
      url,
      isStale: true,
      isConfigured: true,
      unchecked: [],
    })),
  ];
  return {
    schema: 'drydock/status/v1',
    at: now.toISOString(),
    state,
    rows: rows.sort(
      (a, b) => compare(a.application, b.application) || compare(a.location, b.location),
    ),
    locations: locations.sort((a, b) => compare(a.location, b.location)),
    notCovered: NOT_COVERED,
  };
}

function statusRow(row: LadderRow, ladder: Ladder, location: string, now: Date): StatusRow {
  const { application, namespaces, points, rpoHours, breachAfterHours, why } = row;
  return {
    application,
    location,
    url: ladder.url,
    ...(row.class !== undefined && { class: row.class }),
    namespaces,
    points,
    ...(row.newest && { newest: aged(row.newest, now) }),
    ...(row.proven && { proven: aged(row.proven, now) }),
    rpoHours,
    breachAfterHours,
    verdict: verdictOf(row, now),
    why,
    checkedAt: ladder.checkedAt,
  };
}

/** Somebody has to act. */
export function isFailing(verdict: AgeVerdict): boolean {
  return verdict === 'breached' || verdict === 'unproven';
}

/** Of a row of a ladder at a given hour. */
export function verdictOf(row: LadderRow, now: Date): AgeVerdict {
  const hours = ageHours(row.proven, now);
  if (hours === undefined) return 'unproven';
  // Written so that a time that is none counts as breached.
  if (!(hours <= row.breachAfterHours)) return 'breached';
  return hours <= row.rpoHours ? 'within-rpo' : 'over-rpo';
}

function aged(point: LadderPoint, now: Date): AgedPoint {
  return { ...point, ageHours: rounded(ageHours(point, now) ?? 0) };
}

function checked(ladder: Ladder, now: Date) {
  const { url, checkedAt, unchecked, rows } = ladder;
  const hours = (now.getTime() - Date.parse(checkedAt)) / 3_600_000;
  const shortest = Math.min(...rows.map(({ rpoHours }) => rpoHours));
  const limit = rows.length === 0 ? STALE_HOURS_DEFAULT : STALE_RPOS * shortest;
  return { url, checkedAt, checkedHoursAgo: rounded(hours), isStale: !(hours <= limit), unchecked };
}

const rounded = (hours: number): number => Math.round(hours * 100) / 100;

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
