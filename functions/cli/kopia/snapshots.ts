import type { Snapshot } from '../../../shared/kopia/manifests/snapshots.ts';
import { DrydockError } from '../../../shared/model/errors.ts';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode, exitCodeOfError, highest } from '../outcome.ts';
import { type Colors, count, json, printable, size } from '../terminal.ts';
import { isoNs, octal } from './entry-facts.ts';
import { type EachOutcome, eachRepository, errorRecords } from './every.ts';
import { type KopiaOptions, openAt, whatIsLost, withSession } from './session.ts';
import { isoSeconds, matchesSource, sourceOf } from './snapshot-choice.ts';

export interface SnapshotsOptions extends KopiaOptions {
  readonly source?: string;
  readonly tag?: readonly string[];
  readonly all?: boolean;
}

interface Listed {
  readonly repository: string;
  readonly snapshots: readonly Snapshot[];
  /** Left out because they are incomplete and `--all` was not given. */
  readonly incomplete: number;
  /** Damage that may hide snapshots, each as a sentence. */
  readonly problems: readonly string[];
}

/** `drydock kopia snapshots`: what could be restored. */
export function listSnapshots(
  location: string,
  options: SnapshotsOptions,
  context: CliContext,
): Promise<ExitCode> {
  const tags = (options.tag ?? []).map(parseTag);
  return withSession(location, options, context, async (session) => {
    const outcome = await eachRepository(
      session,
      options.output,
      async (prefix, url): Promise<Listed> => {
        const repository = await openAt(session, prefix);
        const { snapshots } = repository.snapshots;
        const chosen = snapshots.filter(
          (each) => matchesSource(each, options.source) && tags.every((tag) => hasTag(each, tag)),
        );
        const complete = chosen.filter(({ incompleteReason }) => incompleteReason === undefined);
        return {
          repository: url,
          snapshots: options.all === true ? chosen : complete,
          incomplete: options.all === true ? 0 : chosen.length - complete.length,
          problems: whatIsLost(repository),
        };
      },
    );
    const { stdout, colors } = context;
    if (options.output === 'json') stdout.write(`${json(listedJson(outcome))}\n`);
    else stdout.write(listedText(outcome, colors));
    const damaged = outcome.results.some(({ problems }) => problems.length > 0);
    return highest([
      damaged ? EXIT.findings : EXIT.ok,
      ...outcome.errors.map(({ error }) => exitCodeOfError(error)),
    ]);
  });
}

interface Tag {
  readonly name: string;
  readonly value: string | undefined;
}

function parseTag(text: string): Tag {
  const [, name = '', value] = /^([^=]+)(?:=(.*))?$/s.exec(text) ?? [];
  if (name !== '') return { name, value };
  const message = `Cannot use --tag "${printable(text.slice(0, 60))}": the name is missing`;
  throw new DrydockError('usage', 'OPTION_INVALID', message, { hint: 'Write --tag name=value' });
}

/** Kopia's own command stores `tag:name` where Velero stores `name`. */
function hasTag({ tags }: Snapshot, { name, value }: Tag): boolean {
  const found = tags[name] ?? tags[`tag:${name}`];
  return found !== undefined && (value === undefined || found === value);
}

/** A snapshot as JSON output shows it. */
export function snapshotFacts(snapshot: Snapshot): Record<string, unknown> {
  const { id, source, description, startTime, endTime, incompleteReason, root } = snapshot;
  const { tags, pins, stats } = snapshot;
  return {
    id,
    source,
    description,
    startTime: startTime.toISOString(),
    endTime: endTime.toISOString(),
    ...(incompleteReason !== undefined && { incomplete: incompleteReason }),
    root: {
      objectId: root.objectId,
      type: root.type,
      mode: octal(root.mode),
      modifiedAt: isoNs(root.modifiedNs),
    },
    ...amountsOf(snapshot),
    errors: stats.errors,
    ignoredErrors: stats.ignoredErrors,
    tags: { ...tags },
    pins,
  };
}

/** As the tree itself says; the statistics of old snapshots know less. */
function amountsOf({ root, stats }: Snapshot) {
  return {
    sizeBytes: root.summary?.sizeBytes ?? stats.sizeBytes,
    files: root.summary?.files ?? stats.files,
    directories: root.summary?.directories ?? stats.directories,
  };
}

function listedJson(outcome: EachOutcome<Listed>): Record<string, unknown> {
  return {
    schema: 'drydock/kopia-snapshots/v1',
    repositories: outcome.results.map(({ repository, snapshots, problems }) => ({
      repository,
      snapshots: snapshots.map(snapshotFacts),
      problems,
    })),
    errors: errorRecords(outcome),
  };
}

function listedText({ results, errors }: EachOutcome<Listed>, colors: Colors): string {
  const blocks: string[] = [];
  for (const { repository, snapshots, incomplete } of results) {
    // With one repository its name is what was typed.
    if (results.length + errors.length > 1) blocks.push(colors.bold(printable(repository)));
    for (const [source, group] of grouped(snapshots)) {
      const lines = group.map((snapshot) => `  ${snapshotLine(snapshot, colors)}`);
      blocks.push([printable(source), ...lines].join('\n'));
    }
    if (snapshots.length === 0) blocks.push('No snapshots');
    if (incomplete > 0) {
      blocks.push(colors.dim(`${count(incomplete, 'incomplete snapshot')} not shown: add --all`));
    }
  }
  return blocks.length === 0 ? '' : `${blocks.join('\n\n')}\n`;
}

function grouped(snapshots: readonly Snapshot[]): ReadonlyMap<string, readonly Snapshot[]> {
  const groups = new Map<string, Snapshot[]>();
  for (const snapshot of snapshots) {
    const source = sourceOf(snapshot);
    const group = groups.get(source);
    if (group === undefined) groups.set(source, [snapshot]);
    else group.push(snapshot);
  }
  return new Map([...groups].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function snapshotLine(snapshot: Snapshot, colors: Colors): string {
  const { id, startTime, root, incompleteReason, tags, pins, stats } = snapshot;
  const { sizeBytes, files, directories } = amountsOf(snapshot);
  const facts = [
    `${isoSeconds(startTime)} ${id} ${root.objectId}`,
    size(sizeBytes),
    `files:${files}`,
    `dirs:${directories}`,
    ...(stats.errors > 0 ? [colors.red(`errors:${stats.errors}`)] : []),
    ...(incompleteReason === undefined
      ? []
      : [colors.yellow(`incomplete:${printable(incompleteReason)}`)]),
    ...Object.entries(tags).map(([name, value]) =>
      printable(`${name.replace(/^tag:/, '')}=${value}`),
    ),
    ...pins.map((pin) => printable(`pin:${pin}`)),
  ];
  return facts.join(' ');
}
