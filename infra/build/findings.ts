/**
 * Writes docs/findings.md from the catalogue in shared/model/finding.ts.
 *
 *     node infra/build/findings.ts
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FINDINGS, type FindingKind } from '../../shared/model/finding.ts';

const PAGE = join(import.meta.dirname, '../../docs/findings.md');

const HEAD = `# Findings

Every code that a Drydock report can carry. A code never changes its meaning. A finding is
identified by its code and its subject: one that persists over runs is one alert.

This page is written by \`node infra/build/findings.ts\` from \`shared/model/finding.ts\`.
`;

/** The catalogue as Markdown, codes in alphabetical order. */
export function findingsPage(): string {
  const kinds = Object.entries(FINDINGS).sort(([a], [b]) => (a < b ? -1 : 1));
  return [HEAD, ...kinds.map(([code, kind]) => entry(code, kind))].join('\n');
}

function entry(code: string, kind: FindingKind): string {
  return [
    `## ${code}`,
    '',
    `Severity: ${kind.severity}`,
    '',
    `* **Meaning**: ${kind.meaning}.`,
    `* **Why it matters**: ${kind.why}.`,
    `* **How to fix it**: ${kind.fix}.`,
    '',
  ].join('\n');
}

if (import.meta.main) writeFileSync(PAGE, findingsPage());
