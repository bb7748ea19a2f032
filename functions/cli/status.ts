import { Command } from 'commander';
import type { CliContext } from './context.ts';
import type { GlobalOptions } from './options.ts';
import type { ExitCode } from './outcome.ts';

export interface StatusOptions extends GlobalOptions {
  readonly state?: string;
}

const HELP = `
Reads what the last "drydock verify" of each location left in the state, and no backup. Ages are
those of now: when verify no longer runs, they grow. The JSON form is that of
docs/schemas/status.schema.json: fields are added, never renamed or removed.

Examples:
  drydock status                                     with the state of ./drydock.yaml
  drydock status --state s3://acme-drydock/state
  drydock status --output json --fail-on warning     also 1 for what was long not checked

Exit codes:
  0    every proven age is within its limit
  1    an application has no proven recovery point that is young enough (error), or a location was
       never or long not checked (warning; see --fail-on)
  3    the state could not be read (denied, unreachable), or holds no result of "drydock verify"
  4    a record is damaged, or a later Drydock wrote it
`;

/** `drydock status`: the ladder as the ledger knows it. */
export function statusCommand(context: CliContext, finish: (code: ExitCode) => void): Command {
  return new Command('status')
    .description('how old would it be: the newest proven recovery point of each application')
    .option('--state <url>', 'where results are kept (default: "state:" of the configuration)')
    .addHelpText('after', HELP)
    .action(async (_: unknown, self: Command) => {
      const { showStatus } = await import('./status-run.ts');
      finish(await showStatus(self.optsWithGlobals<StatusOptions>(), context));
    });
}
