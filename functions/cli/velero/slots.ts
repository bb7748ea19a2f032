import type { Finding } from '../../../shared/model/finding.ts';
import { forEachLimited } from '../../../shared/model/limited.ts';
import { BACKUP_LIMITS, parseBackup } from '../../../shared/velero/artefacts/backup.ts';
import { readArtefact } from '../../../shared/velero/artefacts/stored.ts';
import { resourceFacts } from '../../../shared/velero/checks/facts-of.ts';
import { metadataKey } from '../../../shared/velero/layout.ts';
import type { ScheduleFacts } from '../../../shared/velero/schedule/schedule-resource.ts';
import type {
  JudgedSchedule,
  JudgedSchedules,
  JudgedSlot,
  SlotVerdict,
} from '../../../shared/velero/schedule/slot-types.ts';
import { openZone, UTC } from '../../../shared/velero/schedule/zone.ts';
import type { StoredBackup } from '../../../shared/verify/found-backups.ts';
import { judgeSchedules } from '../../../shared/verify/schedules.ts';
import type { CliContext } from '../context.ts';
import type { GlobalOptions } from '../options.ts';
import type { ExitCode } from '../outcome.ts';
import { bySeverity, findingText } from '../render.ts';
import { type Colors, count, duration, json, printable } from '../terminal.ts';
import { columns, instant } from '../words.ts';
import { exitCodeOf } from './backups.ts';
import { type Expected, expectedBackups } from './expected.ts';
import { type OpenRoot, withRoot } from './root.ts';

export interface SlotsOptions extends GlobalOptions {
  readonly days?: number;
  readonly cluster?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
}

const DAYS_DEFAULT = 7;
const DAY_MS = 86_400_000;

interface Slots {
  readonly location: string;
  readonly since: Date;
  readonly at: Date;
  readonly expected: Expected;
  readonly judged: JudgedSchedules;
  readonly findings: readonly Finding[];
}

/** `drydock velero slots`: when backups were due, and what became of each. */
export function showSlots(
  location: string,
  options: SlotsOptions,
  context: CliContext,
): Promise<ExitCode> {
  return withRoot(location, options, context, async (open) => {
    const expected = await expectedBackups(open, options, context);
    const facts = await storedBackups(open);
    const at = context.clock.now();
    const since = new Date(at.getTime() - (options.days ?? DAYS_DEFAULT) * DAY_MS);
    const { from, schedules, serverVersion, clusterBackups, timeZone } = expected;
    const { judged, findings } = judgeSchedules({
      url: open.reader.url,
      location: open.place.name ?? open.reader.url,
      schedules,
      from,
      ...(serverVersion !== undefined && { serverVersion }),
      serverZone: (timeZone === undefined ? undefined : openZone(timeZone)) ?? UTC,
      facts,
      ...(clusterBackups && { clusterBackups }),
      seen: [],
      windowStart: since,
      now: at,
    });
    const slots = { location: open.reader.url, since, at, expected, judged, findings };
    const { stdout, colors } = context;
    if (options.output === 'json') stdout.write(`${json(slotsJson(slots))}\n`);
    else stdout.write(slotsText(slots, colors));
    return exitCodeOf(findings, options);
  });
}

const AT_ONCE = { concurrency: 16, weightMax: Number.POSITIVE_INFINITY };

/** Of each backup its `velero-backup.json` alone, which is all that a slot asks for. */
async function storedBackups({
  reader,
  root,
  progress,
  signal,
}: OpenRoot): Promise<readonly StoredBackup[]> {
  const stored: StoredBackup[] = [];
  const { backups } = root;
  await forEachLimited(
    backups,
    AT_ONCE,
    () => 1,
    async ([backup, files]) => {
      const key = metadataKey(backup);
      const artefact = await readArtefact(reader, key, BACKUP_LIMITS, parseBackup, { signal });
      const objects = files.map(({ lastModified, ...info }) => ({
        ...info,
        lastModified: lastModified.toISOString(),
      }));
      stored.push({
        backup,
        objects,
        ...(artefact.state === 'read' && { resource: resourceFacts(artefact.value) }),
      });
      const [objectsDone, objectsAll] = [stored.length, backups.size];
      progress.update({ stage: 'backups', objectsDone, objectsAll, bytesDone: 0, bytesAll: 0 });
    },
  );
  return stored.sort((a, b) => (a.backup < b.backup ? -1 : 1));
}

function slotsJson({ location, since, at, expected, judged, findings }: Slots) {
  const expressions = expressionsOf(expected);
  return {
    schema: 'drydock/velero-slots/v1',
    location,
    from: expected.from,
    source: expected.source,
    serverVersion: expected.serverVersion,
    since: since.toISOString(),
    at: at.toISOString(),
    schedules: judged.schedules.map(({ name, nextDue, slots, ...rest }) => ({
      name,
      expression: expressions.get(name)?.expression ?? '',
      ...rest,
      ...(nextDue !== undefined && { nextDue: nextDue.toISOString() }),
      slots: slots.map(({ due, ...slot }) => ({ due: due.toISOString(), ...slot })),
    })),
    outside: judged.outside,
    findings,
  };
}

function expressionsOf({ schedules }: Expected): ReadonlyMap<string, ScheduleFacts> {
  return new Map(schedules.map((each) => [each.name, each]));
}

function slotsText(slots: Slots, colors: Colors): string {
  const { expected, judged, findings } = slots;
  const expressions = expressionsOf(expected);
  const blocks = [
    colors.dim(
      `Schedules of ${printable(expected.source)}, slots since ${instant(slots.since.toISOString())}`,
    ),
    ...judged.schedules.map((each) =>
      scheduleText(each, expressions.get(each.name)?.expression ?? '', colors),
    ),
    [...findings]
      .sort(bySeverity)
      .map((each) => findingText(each, colors))
      .join('\n'),
    closingLine(judged, colors),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

function scheduleText(judged: JudgedSchedule, expression: string, colors: Colors): string {
  const { name, isPaused, problem, nextDue, slots, isTruncated } = judged;
  const facts = [
    printable(expression),
    ...(isPaused ? ['paused'] : []),
    ...(nextDue === undefined ? [] : [`next due ${instant(nextDue.toISOString())}`]),
    ...(problem === undefined ? [] : [colors.red(printable(problem))]),
  ];
  const rows = alike(slots).flatMap((run) => rowsOf(run, colors));
  return [
    `${colors.bold(printable(name))}: ${facts.join(', ')}`,
    ...(isTruncated ? ['Earlier slots are left out: there are too many'] : []),
    rows.length === 0
      ? 'No slot'
      : columns(['DUE', 'VERDICT', 'BACKUP', 'BEGAN AFTER', 'REASON'], rows, colors),
  ].join('\n');
}

/** Slots that follow each other and of which there is the same to say. */
function alike(slots: readonly JudgedSlot[]): readonly (readonly JudgedSlot[])[] {
  const runs: JudgedSlot[][] = [];
  for (const slot of slots) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    const isSame =
      slot.backup === undefined &&
      last?.backup === undefined &&
      last?.verdict === slot.verdict &&
      last.reason === slot.reason;
    if (run !== undefined && isSame) run.push(slot);
    else runs.push([slot]);
  }
  return runs;
}

/** Of a schedule of every few minutes that stood still for days nobody reads every slot. */
const ALIKE_MAX = 5;

/** All of a short run; of a long one the first and the last, and how many are between. */
function rowsOf(run: readonly JudgedSlot[], colors: Colors): readonly (readonly string[])[] {
  const rowOf = (slot: JudgedSlot): readonly string[] => [
    instant(slot.due.toISOString()),
    verdictText(slot.verdict, colors),
    printable(slot.backup ?? '-'),
    after(slot),
    printable(slot.reason),
  ];
  if (run.length <= ALIKE_MAX) return run.map(rowOf);
  const between = ['...', `${run.length - 2} more`, '', '', ''];
  return [...run.slice(0, 1).map(rowOf), between, ...run.slice(-1).map(rowOf)];
}

function after({ startedAfterMs }: JudgedSlot): string {
  return startedAfterMs === undefined ? '-' : duration(startedAfterMs);
}

const BAD: ReadonlySet<SlotVerdict> = new Set(['missed', 'lost', 'stuck']);

function verdictText(verdict: SlotVerdict, colors: Colors): string {
  if (BAD.has(verdict)) return colors.red(verdict);
  return verdict === 'met' ? colors.green(verdict) : colors.yellow(verdict);
}

function closingLine({ schedules, outside }: JudgedSchedules, colors: Colors): string {
  const counts = new Map<SlotVerdict, number>();
  const slots = schedules.flatMap((each) => each.slots);
  for (const { verdict } of slots) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const told = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, n]) => `${n} ${name}`);
  const what = `${count(schedules.length, 'schedule')}, ${count(slots.length, 'slot')}`;
  const rest = outside.length === 0 ? '' : `; ${count(outside.length, 'backup')} outside of them`;
  const isGood = slots.every(({ verdict }) => !BAD.has(verdict));
  const line = `${what}${told.length > 0 ? `: ${told.join(', ')}` : ''}${rest}`;
  return isGood ? colors.green(line) : colors.yellow(line);
}
