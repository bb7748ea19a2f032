import type { FindingKind } from './finding.ts';

/** What the question to a cluster can find. */
export const CLUSTER_FINDINGS = {} as const satisfies Readonly<Record<string, FindingKind>>;
