import type { FindingKind } from './finding.ts';

/** What the comparison of a backup with its first sight can find. */
export const TAMPER_FINDINGS = {} as const satisfies Readonly<Record<string, FindingKind>>;
