/**
 * Writes docs/findings.md from the catalogue in shared/model/finding.ts.
 *
 *     node infra/build/findings.ts
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLUSTER_FINDINGS } from '../../shared/model/cluster-findings.ts';
import { EVIDENCE_FINDINGS } from '../../shared/model/evidence-findings.ts';
import {
  FINDINGS,
  type FindingCode,
  type FindingKind,
  findingUrl,
} from '../../shared/model/finding.ts';
import { KOPIA_FINDINGS } from '../../shared/model/kopia-findings.ts';
import { LOCATION_FINDINGS } from '../../shared/model/location-findings.ts';
import { POINT_FINDINGS } from '../../shared/model/point-findings.ts';
import { RECOVERY_FINDINGS } from '../../shared/model/recovery-findings.ts';
import { REPLICATE_FINDINGS } from '../../shared/model/replicate-findings.ts';
import { VELERO_FINDINGS } from '../../shared/model/velero-findings.ts';
import { VERIFY_FINDINGS } from '../../shared/model/verify-findings.ts';

const PAGE = join(import.meta.dirname, '../../docs/findings.md');

const HEAD = `# Findings

Every code that a Drydock report can carry. A code never changes its meaning. A finding is
identified by its code and its subject: one that persists over runs is one alert.

\`info\` is worth knowing; \`warning\` takes trust away; \`error\` risks that something cannot be
restored; \`critical\` means that it cannot, or soon will not. A finding may be graver or milder than
its code usually is: its message then says why.

This page is written by \`node infra/build/findings.ts\` from \`shared/model/finding.ts\`.
`;

/** Areas of the page, in the order in which somebody looks for what is wrong. */
const AREAS: readonly (readonly [string, Readonly<Partial<Record<FindingCode, FindingKind>>>])[] = [
  ['Backups', VELERO_FINDINGS],
  ['Schedules and recovery points', RECOVERY_FINDINGS],
  ['Volumes and replicas', POINT_FINDINGS],
  ['Clusters', CLUSTER_FINDINGS],
  ['Locations', LOCATION_FINDINGS],
  ['Kopia repositories', KOPIA_FINDINGS],
  ['Replication', REPLICATE_FINDINGS],
  ['Evidence', { ...EVIDENCE_FINDINGS, ...VERIFY_FINDINGS }],
];

/** Codes that a reader looks for elsewhere than beside those that they are written down with. */
function elsewhere(code: FindingCode): string | undefined {
  if (/^VOLUMES?_/.test(code)) return 'Volumes and replicas';
  if (/^BACKUP_(DEBRIS|UNFINISHED)$/.test(code)) return 'Backups';
  return code === 'LOCATION_UNREADABLE' ? 'Locations' : undefined;
}

export interface FindingArea {
  readonly title: string;
  /** Ascending. */
  readonly codes: readonly FindingCode[];
}

/** Every code of the catalogue in one area; areas without codes are left out. */
export function findingAreas(): readonly FindingArea[] {
  const codes = (Object.keys(FINDINGS) as FindingCode[]).sort();
  const areaOf = (code: FindingCode): string => {
    const found = elsewhere(code) ?? AREAS.find(([, kinds]) => Object.hasOwn(kinds, code))?.[0];
    if (found === undefined) throw new Error(`Give "${code}" an area in infra/build/findings.ts`);
    return found;
  };
  const areas = Map.groupBy(codes, areaOf);
  return AREAS.flatMap(([title]) => {
    const own = areas.get(title);
    return own === undefined ? [] : [{ title, codes: own }];
  });
}

/** The catalogue as Markdown: a table of each area, then the entries. */
export function findingsPage(): string {
  const areas = findingAreas();
  return [HEAD, ...areas.map(table), ...areas.flatMap(section)].join('\n');
}

function table({ title, codes }: FindingArea): string {
  const rows = codes.map((code) => {
    const { severity, title } = FINDINGS[code];
    return `| [${code}](${findingUrl(code).replace(/^.*#/, '#')}) | ${severity} | ${title} |`;
  });
  return [
    `**${title}**`,
    '',
    '| Code | Severity | What is wrong |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function section({ title, codes }: FindingArea): readonly string[] {
  return [`## ${title}\n`, ...codes.map(entry)];
}

function entry(code: FindingCode): string {
  const { fix, meaning, severity, title, why } = FINDINGS[code];
  return [
    `### ${code}`,
    '',
    `${title} (${severity}).`,
    '',
    `* **Meaning**: ${meaning}.`,
    `* **Why it matters**: ${why}.`,
    `* **How to fix it**: ${fix}.`,
    '',
  ].join('\n');
}

if (import.meta.main) writeFileSync(PAGE, findingsPage());
