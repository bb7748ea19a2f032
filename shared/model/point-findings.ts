import type { FindingKind } from './finding.ts';

/** What the judgement of recovery points, their volumes and their replicas can find. */
export const POINT_FINDINGS = {} as const satisfies Readonly<Record<string, FindingKind>>;
