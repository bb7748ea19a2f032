import {
  type AgeVerdict,
  isFailing,
  type Status,
  type StatusLocation,
  type StatusRow,
} from '../../shared/report/status.ts';
import { type Colors, count, printable } from './terminal.ts';
import { ago, columns, hours, reasonLines } from './words.ts';

/** The table, what to know about it, what its words mean, and what no backup here covers. */
export function statusText(status: Status, colors: Colors): string {
  const { rows, locations, notCovered } = status;
  const configured = locations.filter(({ isConfigured }) => isConfigured);
  const others = locations.filter(({ isConfigured }) => !isConfigured);
  const blocks = [
    rows.length === 0 ? 'No application was found' : table(rows, status, colors),
    rows
      .flatMap(({ application, location, why }) =>
        reasonLines(`${application} at ${location}`, why),
      )
      .join('\n'),
    configured.flatMap((each) => cautions(each, colors)).join('\n'),
    others.length === 0
      ? ''
      : colors.dim(`Not shown, since the configuration does not name them: ${names(others)}`),
    colors.dim(TERMS),
    `Not covered by these backups:\n${notCovered.map((each) => `  - ${each}`).join('\n')}`,
    closingLine(status, colors),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

const TERMS = `RUNG        what is known of the newest point: reported < present (all is there) < intact (bytes read and hashed) < restored
PROVEN AGE  how old a restore would be: age of the newest point that is intact (Kopia data) or present (disk snapshots), of the RPO
CHECKED     when verify last looked; late: older than the RPO; breached: by a backup's usual duration and 1 h more; unproven: no such point`;

function table(rows: readonly StatusRow[], { at }: Status, colors: Colors): string {
  const head = ['APPLICATION', 'LOCATION', 'NEWEST', 'RUNG', 'PROVEN AGE', 'CHECKED'];
  const lines = rows.map((row) => [
    printable(row.application),
    printable(row.location),
    row.newest === undefined ? 'none' : ago(row.newest.ageHours),
    row.newest?.rung ?? '-',
    provenAge(row.proven?.ageHours, row.rpoHours, row.verdict, colors),
    ago((Date.parse(at) - Date.parse(row.checkedAt)) / 3_600_000),
  ]);
  return columns(head, lines, colors);
}

/** `7 h of 24 h`; what has gone too far says so without colours too. */
export function provenAge(
  ageHours: number | undefined,
  rpoHours: number,
  verdict: AgeVerdict,
  colors: Colors,
): string {
  const age = `${ageHours === undefined ? 'none' : hours(ageHours)} of ${hours(rpoHours)}`;
  if (isFailing(verdict)) return colors.red(`${age}, ${verdict}`);
  return verdict === 'over-rpo' ? colors.yellow(`${age}, late`) : colors.green(age);
}

function cautions(each: StatusLocation, colors: Colors): readonly string[] {
  const { location, checkedHoursAgo, isStale, unchecked } = each;
  const name = printable(location);
  const warning = colors.yellow('warning');
  const since =
    checkedHoursAgo === undefined
      ? 'was never checked'
      : `was last checked ${ago(checkedHoursAgo)}`;
  return [
    ...(isStale ? [`${warning}: ${name} ${since}: run "drydock verify ${name}"`] : []),
    ...unchecked.map((clause) => `unchecked at ${name}: ${printable(clause)}`),
  ];
}

const names = (locations: readonly StatusLocation[]): string =>
  locations.map(({ location }) => printable(location)).join(', ');

function closingLine({ rows }: Status, colors: Colors): string {
  const applications = new Set(rows.map(({ application }) => application)).size;
  const places = new Set(rows.map(({ location }) => location)).size;
  const what = `${count(applications, 'application')} at ${count(places, 'location')}`;
  const isGood = rows.length > 0 && rows.every(({ verdict }) => verdict === 'within-rpo');
  const paint = isGood ? colors.green : colors.yellow;
  return paint(`${what}: ${verdictCounts(rows.map(({ verdict }) => verdict))}`);
}

/** `3 within RPO, 1 breached`. */
export function verdictCounts(verdicts: readonly AgeVerdict[]): string {
  const of = (wanted: AgeVerdict): number => verdicts.filter((each) => each === wanted).length;
  const rest = [
    ['late', of('over-rpo')],
    ['breached', of('breached')],
    ['unproven', of('unproven')],
  ] as const;
  const told = rest.flatMap(([name, number]) => (number > 0 ? [`${number} ${name}`] : []));
  return [`${of('within-rpo')} within RPO`, ...told].join(', ');
}
