/** The Go library that reads a Velero server's cron expressions. */
export type CronDialect = 'robfig-1' | 'robfig-3' | 'go-cron';

/** Where the dialects differ. Everything else they share. */
export interface DialectRules {
  /** `CRON_TZ=Zone ` and `TZ=Zone ` in front. */
  readonly zonePrefix: boolean;
  /** Bytes of an expression; more is refused. */
  readonly lengthMax: number;
  /** Sunday may be 7. */
  readonly sundaySeven: boolean;
  /** Ranges may run past the end of their field: `22-2`, `FRI-MON`. */
  readonly wrapsAround: boolean;
  /** A step that leaves its range with one value alone is refused. */
  readonly refusesWideSteps: boolean;
  /** Whether a field as `*` followed by a step above 1 still counts as unrestricted. */
  readonly steppedStarIsFree: boolean;
  /** Days match when either of two restricted day fields does; else both must. */
  readonly eitherDay: boolean;
  /** A day whose midnight does not exist is still found. */
  readonly mendsMidnight: boolean;
  /** What was due in the hour that the clocks leave out is due right after it. */
  readonly runsAfterGap: boolean;
  /** `@triggered`, `@manual` and `@none`: no time of their own. */
  readonly namesNever: boolean;
  /** `@every` of less than a second is refused; else it counts as one. */
  readonly refusesSubSecond: boolean;
}

const ROBFIG_3: DialectRules = {
  zonePrefix: true,
  lengthMax: Number.POSITIVE_INFINITY,
  sundaySeven: false,
  wrapsAround: false,
  refusesWideSteps: false,
  steppedStarIsFree: false,
  eitherDay: true,
  mendsMidnight: true,
  runsAfterGap: false,
  namesNever: false,
  refusesSubSecond: false,
};

/**
 * Sources: github.com/robfig/cron v1.1.0 and v3.0.1, github.com/netresearch/go-cron v0.15.0; each
 * rule is held by their answers in test/fixtures/cron.
 */
export const DIALECTS: Readonly<Record<CronDialect, DialectRules>> = {
  'robfig-1': { ...ROBFIG_3, zonePrefix: false, steppedStarIsFree: true, mendsMidnight: false },
  'robfig-3': ROBFIG_3,
  'go-cron': {
    zonePrefix: true,
    lengthMax: 1024,
    sundaySeven: true,
    wrapsAround: true,
    refusesWideSteps: true,
    steppedStarIsFree: false,
    eitherDay: false,
    mendsMidnight: true,
    runsAfterGap: true,
    namesNever: true,
    refusesSubSecond: true,
  },
};

/**
 * The dialect of a Velero server: robfig v1 until 1.14, v3 from 1.15 to 1.18.2, go-cron after that
 * (go.mod of velero's release branches). A version that is unknown or no number counts as 1.18.2.
 */
export function dialectOf(serverVersion: string | undefined): CronDialect {
  const numbers = /^v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?/.exec(serverVersion ?? '');
  if (numbers === null) return 'robfig-3';
  const [major = 0, minor = 0, patch = 0] = numbers.slice(1).map((text) => Number(text ?? 0));
  const rank = (major * 10_000 + minor) * 10_000 + patch;
  if (rank < RANK_OF_1_15) return 'robfig-1';
  return rank > RANK_OF_1_18_2 ? 'go-cron' : 'robfig-3';
}

const RANK_OF_1_15 = (10_000 + 15) * 10_000;
const RANK_OF_1_18_2 = (10_000 + 18) * 10_000 + 2;
