import type { FindingKind } from './finding.ts';

/** What the check of one Velero backup can find. */
export const VELERO_FINDINGS = {} as const satisfies Readonly<Record<string, FindingKind>>;
