import { type Colors, duration, printable, size } from '../terminal.ts';
import type { RepositoryInfo } from './info.ts';

const LABEL_WIDTH = 13;

/** What `drydock kopia info` shows of one repository. */
export function infoText(info: RepositoryInfo, colors: Colors): string {
  const { format, index, contents, maintenance } = info;
  const lines: (readonly [string, string])[] = [
    ['id', info.uniqueId],
    ['format', formatLine(format)],
    ['algorithms', algorithmsLine(format)],
    ['index', indexLine(index)],
    [
      'contents',
      `${contents.live} (${size(contents.liveSizeBytes)}), deleted ${contents.deleted} (${size(contents.deletedSizeBytes)}), in ${info.packs} packs`,
    ],
    ...maintenanceLines(maintenance),
    ['retention', retentionLine(format['retention'])],
    ['features', list(format['requiredFeatures']) || 'none required'],
    ['policies', info.policies.map(({ target }) => target).join(', ') || 'none'],
    ['snapshots', snapshotsLine(info)],
  ];
  const shown = lines.map(([label, text]) => `  ${label.padEnd(LABEL_WIDTH)}${printable(text)}`);
  for (const warning of texts(format['warnings'])) {
    shown.push(`  ${colors.yellow('warning'.padEnd(LABEL_WIDTH))}${printable(warning)}`);
  }
  for (const { source, snapshots, newestAt, newestId } of info.sources) {
    const newest = newestAt === undefined ? 'none complete' : `newest ${newestAt} ${newestId}`;
    shown.push(`    ${printable(source)}: ${snapshots}, ${newest}`);
  }
  return `${[colors.bold(printable(info.repository)), ...shown].join('\n')}\n`;
}

type Facts = Readonly<Record<string, unknown>>;

function formatLine(format: Facts): string {
  const made = format['madeBy'] === '' ? '' : `, written by ${format['madeBy']}`;
  const changeable = format['passwordChangeable'] === true ? '' : ', password cannot be changed';
  return `${format['version']}${made}${changeable}`;
}

function algorithmsLine(format: Facts): string {
  const ecc = format['ecc'] as { algorithm: string; overheadPercent: number } | undefined;
  const names = [format['hash'], format['encryption'], format['splitter'], format['keyDerivation']];
  if (ecc !== undefined) names.push(`${ecc.algorithm} ${ecc.overheadPercent} %`);
  return names.join(', ');
}

function indexLine(index: Facts): string {
  const epoch =
    index['currentEpoch'] === undefined ? 'no epochs' : `epoch ${index['currentEpoch']}`;
  const blobs = `${index['activeBlobs']} of ${index['blobs']} blobs in use (${size(Number(index['activeSizeBytes']))})`;
  const watermark =
    index['watermarkAt'] === undefined ? '' : `, deletions final until ${index['watermarkAt']}`;
  return `version ${index['version']}, ${epoch}, ${blobs}${watermark}`;
}

function maintenanceLines(maintenance: Facts): (readonly [string, string])[] {
  const { owner, quickIntervalMs, fullIntervalMs, nextQuickAt, nextFullAt, lastFullAt } =
    maintenance as Readonly<Record<string, string | number | null | undefined>>;
  const cycle = (name: string, every: unknown, next: unknown): string =>
    every === null
      ? `${name} switched off`
      : `${name} every ${duration(Number(every))}, next ${next ?? 'not planned'}`;
  const lines: (readonly [string, string])[] = [
    ['maintenance', owner === undefined ? 'never set up' : `owner ${owner}`],
  ];
  if (owner !== undefined) {
    lines.push(['', cycle('full', fullIntervalMs, nextFullAt)]);
    lines.push(['', cycle('quick', quickIntervalMs, nextQuickAt)]);
  }
  lines.push(['', `last full ${lastFullAt ?? 'never'}`]);
  for (const failure of texts(maintenance['failing'])) lines.push(['', `failing: ${failure}`]);
  return lines;
}

function retentionLine(value: unknown): string {
  const retention = value as { mode: string; periodMs: number } | undefined;
  return retention === undefined
    ? 'none'
    : `${retention.mode}, ${duration(retention.periodMs)} (set by Kopia; the locks are the bucket's)`;
}

function snapshotsLine({ snapshots, incompleteSnapshots, sources }: RepositoryInfo): string {
  const incomplete = incompleteSnapshots === 0 ? '' : ` and ${incompleteSnapshots} incomplete`;
  return `${snapshots}${incomplete}, of ${sources.length} source${sources.length === 1 ? '' : 's'}`;
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function list(value: unknown): string {
  return texts(value).join(', ');
}
