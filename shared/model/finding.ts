import { CLUSTER_FINDINGS } from './cluster-findings.ts';
import { EVIDENCE_FINDINGS } from './evidence-findings.ts';
import { KOPIA_FINDINGS } from './kopia-findings.ts';
import { LOCATION_FINDINGS } from './location-findings.ts';
import { POINT_FINDINGS } from './point-findings.ts';
import { RECOVERY_FINDINGS } from './recovery-findings.ts';
import { REPLICATE_FINDINGS } from './replicate-findings.ts';
import { VELERO_FINDINGS } from './velero-findings.ts';
import { VERIFY_FINDINGS } from './verify-findings.ts';

/** Ascending. `info` is worth knowing, `critical` wakes somebody up. */
export const SEVERITIES = ['info', 'warning', 'error', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** One entry of the catalogue (`docs/findings.md` is generated from it). */
export interface FindingKind {
  readonly severity: Severity;
  /** A few words, as a headline: what is wrong, not what to do. */
  readonly title: string;
  readonly meaning: string;
  readonly why: string;
  readonly fix: string;
}

/** Every code that Drydock can report. A code never changes its meaning and is never reused. */
export const FINDINGS = {
  ...CLUSTER_FINDINGS,
  ...EVIDENCE_FINDINGS,
  ...KOPIA_FINDINGS,
  ...LOCATION_FINDINGS,
  ...POINT_FINDINGS,
  ...RECOVERY_FINDINGS,
  ...REPLICATE_FINDINGS,
  ...VELERO_FINDINGS,
  ...VERIFY_FINDINGS,
} as const satisfies Readonly<Record<string, FindingKind>>;

export type FindingCode = keyof typeof FINDINGS;

/** Where the catalogue explains a code, relative to the root of the project. */
export function findingUrl(code: FindingCode): string {
  return `docs/findings.md#${code.toLowerCase()}`;
}

/**
 * One fact that somebody should know. Its identity is code and subject: a finding that persists
 * over runs is one alert. Values are facts of the store, never secrets (S9).
 */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** What it is about: a URL, or a backup or repository within one. */
  readonly subject: string;
  readonly message: string;
  /** The exact next command or setting. */
  readonly hint: string;
  readonly evidence?: Readonly<Record<string, string | number | readonly string[]>>;
}

/** A finding with the severity and the remedy of its catalogue entry, unless told otherwise. */
export function finding(
  code: FindingCode,
  subject: string,
  message: string,
  more: Partial<Pick<Finding, 'severity' | 'hint' | 'evidence'>> = {},
): Finding {
  const kind = FINDINGS[code];
  return { code, severity: kind.severity, subject, message, hint: kind.fix, ...more };
}

export function isAtLeast(severity: Severity, floor: Severity): boolean {
  return SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(floor);
}
