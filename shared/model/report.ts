import type { Failure } from './errors.ts';
import type { Finding } from './finding.ts';
import type { Ladder } from './ladder.ts';

export type JobName = 'replicate' | 'verify' | 'kopia-verify' | 'evidence-verify';

/** What a run says of one thing it was asked about; what it could not check is never `verified`. */
export type Verdict =
  | { readonly kind: 'verified'; readonly subject: string }
  | { readonly kind: 'damaged'; readonly subject: string; readonly findings: readonly Finding[] }
  | { readonly kind: 'unchecked'; readonly subject: string; readonly reason: string };

/** A group of like changes: done, or with `dryRun` planned. */
export interface Action {
  readonly kind: 'copy' | 'replace' | 'remove';
  /** The part of the location it belongs to, e.g. `kopia/shop` or `backups/daily-1`. */
  readonly subject: string;
  /** What is copied, in the words of the format: `pack blobs`, `index blobs`, ... */
  readonly what: string;
  readonly objects: number;
  readonly sizeBytes: number;
}

/**
 * What a job answers, whoever called it. The JSON form is public: fields are added, never renamed
 * or removed, within one `schema`.
 */
export interface Report {
  readonly schema: 'drydock/report/v1';
  readonly run: {
    readonly job: JobName;
    /** Unique per run. */
    readonly id: string;
    readonly version: string;
    readonly startedAt: string;
    readonly finishedAt: string;
    readonly dryRun: boolean;
  };
  /** What the run looked at in full: URLs without credentials. */
  readonly scope: Readonly<Record<string, string>>;
  readonly verdicts: readonly Verdict[];
  readonly findings: readonly Finding[];
  readonly actions: readonly Action[];
  /** Numbers with their unit last in the name. */
  readonly measures: Readonly<Record<string, number>>;
  /** Present when the run stopped before its work was done; the next run goes on. */
  readonly unfinished?: { readonly reason: string };
  /** What could not be looked at at all; absent when there is nothing of the kind. */
  readonly errors?: readonly ReportError[];
  /** Of `verify`: the ladder of each location that was looked at. */
  readonly ladders?: readonly Ladder[];
}

/** Why a part of the work could not be carried out. */
export interface ReportError {
  /** What it is about: a URL. */
  readonly subject: string;
  readonly code: string;
  readonly failure: Failure;
  readonly message: string;
  readonly hint: string;
}

/** The part of a report that is small enough for an event, a log line or a notification. */
export interface ReportSummary {
  readonly schema: 'drydock/report-summary/v1';
  readonly run: Report['run'];
  readonly scope: Report['scope'];
  readonly findings: Readonly<Record<string, number>>;
  readonly verdicts: Readonly<Record<Verdict['kind'], number>>;
  readonly measures: Report['measures'];
  readonly unfinished: boolean;
}

export function summarize(report: Report): ReportSummary {
  const findings: Record<string, number> = {};
  for (const { code } of report.findings) findings[code] = (findings[code] ?? 0) + 1;
  const verdicts = { verified: 0, damaged: 0, unchecked: 0 };
  for (const { kind } of report.verdicts) verdicts[kind] += 1;
  return {
    schema: 'drydock/report-summary/v1',
    run: report.run,
    scope: report.scope,
    findings,
    verdicts,
    measures: report.measures,
    unfinished: report.unfinished !== undefined,
  };
}
