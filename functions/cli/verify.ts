import { Command } from 'commander';
import type { CliContext } from './context.ts';
import { type GlobalOptions, oneOf, timeOption } from './options.ts';
import type { ExitCode } from './outcome.ts';

export interface VerifyOptions extends GlobalOptions {
  readonly location?: readonly string[];
  readonly cluster?: string;
  readonly application?: string;
  /** Milliseconds before now, or a moment. */
  readonly since?: number | Date;
  readonly rung: (typeof RUNGS)[number];
  readonly state?: string;
  readonly dryRun?: boolean;
  readonly allowRetrieval?: boolean;
}

const RUNGS = ['present', 'intact'] as const;

const HELP = `
A location is a name of the configuration or a URL; without any, every location of ./drydock.yaml.

Each recovery point of each application is put on its rung at each location:
  reported    the backup system says that it finished; nobody looked
  present     every artefact is in the store and can be read, every volume reference resolves
  intact      the Kopia data behind it is consistent, and its content was read and hashed
What was proven is kept in the state, so that the next run reads what is new. Backups and clusters
are only ever read. What could not be asked is "unchecked", never passed and never failed.

Examples:
  drydock verify                                     every location of ./drydock.yaml
  drydock verify production --rung present --deadline 10m
  drydock verify --cluster prod-eks --application shop --since 7d
  drydock verify 's3://acme-backups/velero?region=eu-central-1' --dry-run
  drydock verify --output json --state s3://acme-drydock/state

The JSON form is that of docs/schemas/report.schema.json: fields are added, never renamed or removed.
With URLs and no state, results are kept in a folder of this machine ("drydock status" shows them).

Exit codes:
  0    nothing at or above --fail-on
  1    findings at or above --fail-on
  3    a location could not be read (denied, unreachable), or the deadline came first
  4    a record of the state is damaged, or a later Drydock wrote it
`;

/** `drydock verify`: which recovery points there are, and on which rung each of them stands. */
export function verifyCommand(context: CliContext, finish: (code: ExitCode) => void): Command {
  return new Command('verify')
    .description('which backups exist, which are whole, and how old the newest proven one is')
    .argument('[location...]', 'names or URLs of locations (default: all of the configuration)')
    .option('--location <location>', 'the same as an argument; may be repeated', collect)
    .option('--cluster <name>', 'only locations that this cluster writes to')
    .option('--application <name>', 'only this application')
    .option(
      '--since <time>',
      'read only backups that began since: 36h, 7d, or an RFC 3339 time',
      timeOption('--since'),
    )
    .option(
      '--rung <rung>',
      `how far to go: ${RUNGS.join(' or ')}`,
      oneOf('--rung', RUNGS),
      'intact',
    )
    .option('--state <url>', 'where results are kept (default: "state:" of the configuration)')
    .option('--dry-run', 'state what would be read and roughly what it costs, write nothing')
    .option('--allow-retrieval', 'read packs of storage classes that charge for reading')
    .addHelpText('after', HELP)
    .action(async (locations: readonly string[], _: unknown, self: Command) => {
      const { verifyAll } = await import('./verify-run.ts');
      finish(await verifyAll(locations, self.optsWithGlobals<VerifyOptions>(), context));
    });
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
