import { Command } from 'commander';
import type { CliContext } from './context.ts';
import { type GlobalOptions, LAYOUTS, oneOf, wholeNumber } from './options.ts';
import type { ExitCode } from './outcome.ts';

export interface ReplicateOptions extends GlobalOptions {
  readonly route?: string;
  readonly layout?: 'velero' | 'kopia';
  readonly state?: string;
  readonly concurrency?: number;
  readonly dryRun?: boolean;
}

const EXAMPLES = `
A location is a name of the configuration or a URL:
  s3://bucket/prefix?region=…&endpoint=…      credentials as the AWS command line finds them
  azblob://account/container/prefix           credentials as the Azure command line finds them
  file:///path

Examples:
  drydock replicate s3://acme-backups/velero azblob://acmebackups/velero --dry-run
  drydock replicate prod replica --state s3://acme-drydock/state
  drydock replicate --route offsite --deadline 10m
  drydock replicate --output json                all routes of ./drydock.yaml

With URLs and no state the lease of the target is kept in a folder of this machine.
`;

/** `drydock replicate`: one pair of locations, one route, or all routes of the configuration. */
export function replicateCommand(context: CliContext, finish: (code: ExitCode) => void): Command {
  return new Command('replicate')
    .description('copy backups so that the copy is restorable at every instant')
    .argument('[source]', 'name or URL of the location to read')
    .argument('[target]', 'name or URL of the replica')
    .option('--route <name>', 'a route of the configuration')
    .option(
      '--layout <layout>',
      'what a URL holds: a Velero root, or one Kopia repository (default: velero)',
      oneOf('--layout', LAYOUTS),
    )
    .option('--state <url>', 'where leases and checkpoints are kept, shared by all replicators')
    .option(
      '--concurrency <n>',
      'objects under way at once (default: 16)',
      wholeNumber('--concurrency', 256),
    )
    .option('--dry-run', 'print the plan, write nothing')
    .addHelpText('after', EXAMPLES)
    .action(async (source: string | undefined, target: string | undefined, _: unknown, self) => {
      const { replicateAll } = await import('./replicate-run.ts');
      const options = self.optsWithGlobals() as ReplicateOptions;
      finish(await replicateAll(source, target, options, context));
    });
}
