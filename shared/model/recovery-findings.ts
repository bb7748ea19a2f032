import type { FindingKind } from './finding.ts';

/** What the judgement of schedules and of recovery points over time can find. */
export const RECOVERY_FINDINGS = {} as const satisfies Readonly<Record<string, FindingKind>>;
