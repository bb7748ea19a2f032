import type { FindingKind } from './finding.ts';

/** What the question what protects a location and what would eat its objects can find. */
export const LOCATION_FINDINGS = {} as const satisfies Readonly<Record<string, FindingKind>>;
