import { didYouMean } from '../../../shared/config/nearest.ts';
import { DrydockError } from '../../../shared/model/errors.ts';
import type { BackupFacts, ResourceFacts } from '../../../shared/velero/checks/backup-facts.ts';
import type { VeleroRoot } from '../../../shared/velero/checks/root.ts';
import type { CliContext } from '../context.ts';
import type { GlobalOptions } from '../options.ts';
import type { ExitCode } from '../outcome.ts';
import { bySeverity, findingText } from '../render.ts';
import { type Colors, count, json, printable, size } from '../terminal.ts';
import { columns, instant } from '../words.ts';
import { exitCodeOf, sizeOfBackup, stateText } from './backups.ts';
import { lookAt, withRoot } from './root.ts';

/** `drydock velero show`: everything that the objects of one backup say. */
export function showBackup(
  location: string,
  backup: string,
  options: GlobalOptions,
  context: CliContext,
): Promise<ExitCode> {
  return withRoot(location, options, context, async (open) => {
    const { url } = open.reader;
    if (!open.root.backups.has(backup)) throw unknownBackup(backup, url, open.root);
    const facts = await lookAt(open, backup, context.clock.now());
    const { stdout, colors } = context;
    if (options.output === 'json') {
      stdout.write(`${json({ schema: 'drydock/velero-show/v1', location: url, ...facts })}\n`);
    } else {
      stdout.write(shownText(facts, url, colors));
    }
    return exitCodeOf(facts.findings, options);
  });
}

const NAMES_MAX = 10;

function unknownBackup(name: string, url: string, { backups }: VeleroRoot): DrydockError {
  const known = [...backups.keys()];
  const more = known.length > NAMES_MAX ? ` and ${known.length - NAMES_MAX} more` : '';
  const all = `It has ${known.slice(0, NAMES_MAX).join(', ') || 'none'}${more}`;
  const near = didYouMean(name, known);
  const message = `Cannot show the backup "${name}": "${url}" has none of this name`;
  return new DrydockError('usage', 'BACKUP_UNKNOWN', message, {
    hint: near === undefined ? all : `${near} ${all}`,
  });
}

function shownText(facts: BackupFacts, url: string, colors: Colors): string {
  const blocks = [
    [
      `${colors.bold(printable(facts.backup))} at ${printable(url)}`,
      ...aboutIt(facts, colors).map(([name, value]) => `  ${`${name}:`.padEnd(13)}${value}`),
    ].join('\n'),
    artefacts(facts, colors),
    namespaces(facts, colors),
    claims(facts, colors),
    volumes(facts, colors),
    ...[...facts.findings].sort(bySeverity).map((each) => findingText(each, colors)),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

function aboutIt(facts: BackupFacts, colors: Colors): readonly (readonly [string, string])[] {
  const { resource, incompleteReason, contents, errors } = facts;
  const why = incompleteReason === undefined ? '' : `: ${printable(incompleteReason)}`;
  const amount = `${count(facts.objects.length, 'object')}, ${size(sizeOfBackup(facts))}`;
  const texts = errors && `${errors.velero} of Velero, ${errors.cluster} of the cluster`;
  return [
    ['State', `${stateText(facts, colors)}${why}`],
    ...(resource ? aboutResource(resource) : []),
    ['Stored', amount],
    ...(contents
      ? ([
          [
            'Tarball',
            `${count(contents.objects, 'Kubernetes object')} (${count(contents.secrets, 'Secret')}), ${size(contents.inflatedSizeBytes)} inflated`,
          ],
        ] as const)
      : []),
    ...(texts === undefined ? [] : ([['Error texts', texts]] as const)),
  ];
}

function aboutResource(resource: ResourceFacts): readonly (readonly [string, string])[] {
  const { phase, schedule, startedAt, completedAt, expiresAt, items } = resource;
  const { errors, warnings, hooksFailed, kubernetesVersion } = resource;
  const scope = [
    `namespaces ${resource.includedNamespaces.join(', ') || '*'}`,
    ...(resource.excludedNamespaces.length > 0
      ? [`without ${resource.excludedNamespaces.join(', ')}`]
      : []),
    ...(resource.hasSelector ? ['by a label selector'] : []),
  ];
  const counts = [
    ...(items === undefined ? [] : [count(items, 'item')]),
    count(errors, 'error'),
    count(warnings, 'warning'),
    `${count(hooksFailed, 'hook')} failed`,
  ];
  return [
    ['Phase', printable(phase) || 'none'],
    ['Schedule', printable(schedule ?? 'none')],
    ['Taken', `${instant(startedAt ?? 'unknown')}, completed ${instant(completedAt ?? 'never')}`],
    ['Expires', instant(expiresAt ?? 'never')],
    ['Counts', counts.join(', ')],
    ['Scope', printable(scope.join(', '))],
    ...(kubernetesVersion === undefined
      ? []
      : ([['Kubernetes', printable(kubernetesVersion)]] as const)),
  ];
}

function artefacts({ objects }: BackupFacts, colors: Colors): string {
  const rows = objects.map(({ key, sizeBytes, lastModified, storageClass, sha256 }) => [
    printable(key),
    size(sizeBytes),
    instant(lastModified),
    printable(storageClass ?? '-'),
    sha256 ?? 'not read',
  ]);
  return columns(['ARTEFACT', 'SIZE', 'MODIFIED', 'CLASS', 'SHA-256'], rows, colors, ['SIZE']);
}

function namespaces({ contents, errors }: BackupFacts, colors: Colors): string {
  const failed = new Map((errors?.namespaces ?? []).map((each) => [each.name, each.errors]));
  const objects = new Map((contents?.namespaces ?? []).map((each) => [each.name, each.objects]));
  const names = [...new Set([...objects.keys(), ...failed.keys()])].sort();
  if (names.length === 0) return '';
  const rows = names.map((name) => [
    printable(name),
    String(objects.get(name) ?? 0),
    String(failed.get(name) ?? 0),
  ]);
  const table = columns(['NAMESPACE', 'OBJECTS', 'ERRORS'], rows, colors, ['OBJECTS', 'ERRORS']);
  return contents?.isCut === true ? `${table}\n... more than can be kept` : table;
}

function claims({ contents }: BackupFacts, colors: Colors): string {
  if (contents === undefined || contents.claims.length === 0) return '';
  const rows = contents.claims.map(({ namespace, name, isBound, labels }) => [
    printable(`${namespace}/${name}`),
    isBound ? 'yes' : 'no',
    printable(labels.map(([key, value]) => `${key}=${value}`).join(', ')) || '-',
  ]);
  return columns(['CLAIM', 'BOUND', 'LABELS'], rows, colors);
}

function volumes({ volumes: all, unreadVolumeLists }: BackupFacts, colors: Colors): string {
  const rows = all.map(({ id, method, result, sizeBytes, handle, driver, zone, reason }) => [
    printable(id),
    method,
    result === 'succeeded' || result === 'empty' ? result : colors.red(result),
    sizeBytes === undefined ? '-' : size(sizeBytes),
    printable(handle ?? '-'),
    printable([driver, zone].filter((each) => each !== undefined).join(' ')) || '-',
    printable(reason ?? ''),
  ]);
  const head = ['VOLUME', 'METHOD', 'RESULT', 'SIZE', 'HANDLE', 'WHERE', 'REASON'];
  const unread = unreadVolumeLists.map((key) =>
    colors.yellow(`unchecked: volumes of ${printable(key)}, which could not be read`),
  );
  return [...(rows.length > 0 ? [columns(head, rows, colors, ['SIZE'])] : []), ...unread].join(
    '\n',
  );
}
