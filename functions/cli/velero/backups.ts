import { type Finding, isAtLeast, SEVERITIES } from '../../../shared/model/finding.ts';
import { forEachLimited } from '../../../shared/model/limited.ts';
import type { BackupFacts } from '../../../shared/velero/checks/backup-facts.ts';
import type { CliContext } from '../context.ts';
import type { GlobalOptions } from '../options.ts';
import { EXIT, type ExitCode } from '../outcome.ts';
import { severityCounts } from '../render.ts';
import { type Colors, count, json, printable, size } from '../terminal.ts';
import { columns, instant } from '../words.ts';
import { lookAt, type OpenRoot, withRoot } from './root.ts';

/** A core inflates one tarball at once. */
const AT_ONCE = { concurrency: 8, weightMax: 256 * 1024 * 1024 };

/** `drydock velero backups`: what the store holds, each backup in a line. */
export function listBackups(
  location: string,
  options: GlobalOptions,
  context: CliContext,
): Promise<ExitCode> {
  return withRoot(location, options, context, async (open) => {
    const all = await lookAtAll(open, context.clock.now());
    const { stdout, colors } = context;
    if (options.output === 'json') stdout.write(`${json(listed(open.reader.url, all))}\n`);
    else stdout.write(listedText(open.reader.url, all, colors));
    return exitCodeOf(
      all.flatMap(({ findings }) => findings),
      options,
    );
  });
}

export function exitCodeOf(findings: readonly Finding[], { failOn }: GlobalOptions): ExitCode {
  return findings.some(({ severity }) => isAtLeast(severity, failOn)) ? EXIT.findings : EXIT.ok;
}

/** Looks at every backup; answers the newest first, and what began nobody knows when at the end. */
async function lookAtAll(open: OpenRoot, now: Date): Promise<readonly BackupFacts[]> {
  const { root, progress } = open;
  const all: BackupFacts[] = [];
  const sizeOf = (name: string): number =>
    (root.backups.get(name) ?? []).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const names = [...root.backups.keys()];
  const bytesAll = names.reduce((sum, name) => sum + sizeOf(name), 0);
  let bytesDone = 0;
  await forEachLimited(names, AT_ONCE, sizeOf, async (name) => {
    all.push(await lookAt(open, name, now));
    bytesDone += sizeOf(name);
    progress.update({
      stage: 'backups',
      objectsDone: all.length,
      objectsAll: names.length,
      bytesDone,
      bytesAll,
    });
  });
  const began = ({ resource }: BackupFacts): string => resource?.startedAt ?? '';
  return all.sort((a, b) => {
    const [left, right] = [began(a), began(b)];
    if (left !== right) return left < right ? 1 : -1;
    return a.backup < b.backup ? -1 : 1;
  });
}

/** What the bytes in the store make of it. */
export function stateOf({ completeness, isWhole, resource }: BackupFacts): string {
  if (completeness !== 'complete') return completeness;
  // Velero keeps what there is of one that failed, and restores nothing from it.
  if (resource?.phase === 'Failed') return 'failed';
  return isWhole ? 'whole' : 'damaged';
}

export function sizeOfBackup({ objects }: BackupFacts): number {
  return objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function byMethod({ volumes }: BackupFacts): readonly (readonly [method: string, count: number])[] {
  const counts = new Map<string, number>();
  for (const { method } of volumes) counts.set(method, (counts.get(method) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}

function bySeverity({ findings }: BackupFacts): readonly (readonly [string, number])[] {
  return SEVERITIES.map(
    (each) => [each, findings.filter(({ severity }) => severity === each).length] as const,
  );
}

function listed(location: string, all: readonly BackupFacts[]): Record<string, unknown> {
  return {
    schema: 'drydock/velero-backups/v1',
    location,
    backups: all.map((facts) => {
      const { backup, resource, completeness, incompleteReason, isWhole, objects } = facts;
      return {
        backup,
        completeness,
        ...(incompleteReason !== undefined && { incompleteReason }),
        isWhole,
        ...(resource && {
          phase: resource.phase,
          schedule: resource.schedule,
          startedAt: resource.startedAt,
          completedAt: resource.completedAt,
          expiresAt: resource.expiresAt,
          items: resource.items,
          errors: resource.errors,
          warnings: resource.warnings,
        }),
        volumes: Object.fromEntries(byMethod(facts)),
        objects: objects.length,
        sizeBytes: sizeOfBackup(facts),
        findings: Object.fromEntries(bySeverity(facts)),
      };
    }),
  };
}

const HEAD = [
  'BACKUP',
  'SCHEDULE',
  'PHASE',
  'TAKEN',
  'EXPIRES',
  'ITEMS',
  'VOLUMES',
  'SIZE',
  'STATE',
  'FINDINGS',
] as const;

function listedText(url: string, all: readonly BackupFacts[], colors: Colors): string {
  // Of a prefix that is not the root, too: where was looked is the first thing to check.
  if (all.length === 0) return `No backups below ${printable(url)}/backups/\n`;
  const rows = all.map((facts) => {
    const { backup, resource } = facts;
    return [
      printable(backup),
      printable(resource?.schedule ?? '-'),
      printable(resource?.phase || '-'),
      instant(resource?.startedAt ?? '-'),
      instant(resource?.expiresAt ?? '-'),
      resource?.items === undefined ? '-' : String(resource.items),
      byMethod(facts)
        .map(([method, number]) => `${number} ${method}`)
        .join(', ') || '-',
      size(sizeOfBackup(facts)),
      stateText(facts, colors),
      findingsText(facts, colors),
    ];
  });
  const whole = all.filter((facts) => stateOf(facts) === 'whole').length;
  const closing = `${count(all.length, 'backup')}: ${whole} whole`;
  const paint = whole === all.length ? colors.green : colors.yellow;
  return `${columns(HEAD, rows, colors, ['ITEMS', 'SIZE'])}\n\n${paint(closing)}\n`;
}

export function stateText(facts: BackupFacts, colors: Colors): string {
  const state = stateOf(facts);
  if (state === 'whole') return colors.green(state);
  return state === 'unfinished' ? colors.yellow(state) : colors.red(state);
}

function findingsText({ findings }: BackupFacts, colors: Colors): string {
  const text = severityCounts(findings).join(', ') || 'none';
  return findings.some(({ severity }) => isAtLeast(severity, 'error')) ? colors.red(text) : text;
}
