import { Command, CommanderError } from 'commander';
import { VERSION } from '../version.ts';
import { configCommand } from './config.ts';
import type { CliContext } from './context.ts';
import { evidenceCommand } from './evidence.ts';
import { initCommand } from './init.ts';
import { kopiaCommand } from './kopia.ts';
import { FAIL_ON, OUTPUTS, oneOf, parseDuration } from './options.ts';
import {
  EXIT,
  type ExitCode,
  errorJson,
  errorText,
  exitCodeOfError,
  toDrydockError,
} from './outcome.ts';
import { replicateCommand } from './replicate.ts';
import { statusCommand } from './status.ts';
import { veleroCommand } from './velero.ts';
import { verifyCommand } from './verify.ts';

/** A command tells its exit code by this; whatever it throws is shown by `run`. */
export type Finish = (code: ExitCode) => void;

/** Runs one command line and answers with its exit code; never throws. */
export async function run(args: readonly string[], context: CliContext): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const program = createProgram(context, (finished) => {
    code = finished;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (thrown) {
    if (thrown instanceof CommanderError && SHOWN.has(thrown.code)) {
      return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
    }
    const error = toDrydockError(thrown);
    if (wantsJson(args)) context.stdout.write(errorJson(error));
    else context.stderr.write(errorText(error, context.errorColors));
    if (error.code === 'UNEXPECTED' && context.env['DRYDOCK_DEBUG'] && thrown instanceof Error) {
      context.stderr.write(`${thrown.stack}\n`);
    }
    return exitCodeOfError(error);
  }
}

/** What commander ends by throwing although it has shown all that was asked for. */
const SHOWN: ReadonlySet<string> = new Set([
  'commander.help',
  'commander.helpDisplayed',
  'commander.version',
]);

/** Also right where the command line itself could not be parsed. */
function wantsJson(args: readonly string[]): boolean {
  return args.some((arg, at) => {
    const isOption = arg === '--output' || arg === '-o';
    return arg === '--output=json' || arg === '-ojson' || (isOption && args[at + 1] === 'json');
  });
}

const EXAMPLES = `
Examples:
  drydock verify                              what of every location of ./drydock.yaml is proven
  drydock status                              how old a restore would be, as the last run left it
  drydock replicate s3://acme-backups/velero azblob://acmebackups/velero
  drydock replicate --dry-run                 plan every route of ./drydock.yaml
  drydock kopia snapshots s3://acme-backups/velero
  drydock init                                draft drydock.yaml from the current cluster

Exit codes:
  0    nothing at or above --fail-on
  1    findings at or above --fail-on
  2    wrong usage or configuration
  3    could not be carried out (denied, unreachable), or ended unfinished at its deadline
  4    refused for safety
  130  interrupted
`;

function createProgram(context: CliContext, finish: Finish): Command {
  const program = new Command('drydock')
    .description('Could we restore this, today, and how old would it be?')
    .version(VERSION, '-V, --version', 'show the version')
    .option('-c, --config <file>', 'configuration file (default: ./drydock.yaml where it exists)')
    .option(
      '-o, --output <format>',
      `results as ${OUTPUTS.join(' or ')}`,
      oneOf('--output', OUTPUTS),
      'text',
    )
    .option(
      '--fail-on <severity>',
      `lowest severity that makes the exit code 1: ${FAIL_ON.join(', ')}`,
      oneOf('--fail-on', FAIL_ON),
      'error',
    )
    .option(
      '--deadline <duration>',
      'stop in good order after so long, like 15m; the next run goes on',
      parseDuration('--deadline'),
    )
    .addHelpText('after', EXAMPLES)
    .helpCommand('help [command]', 'show the help of a command');
  program.addCommand(configCommand(context));
  program.addCommand(initCommand(context));
  program.addCommand(verifyCommand(context, finish));
  program.addCommand(statusCommand(context, finish));
  program.addCommand(replicateCommand(context, finish));
  program.addCommand(kopiaCommand(context, finish));
  program.addCommand(veleroCommand(context, finish));
  program.addCommand(evidenceCommand(context, finish));
  for (const command of withSubcommands(program)) {
    command.exitOverride().configureHelp({ showGlobalOptions: true });
    command.configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
      // Errors are shown once, by `run`.
      outputError: () => undefined,
      getOutHasColors: () => context.stdout.isTTY && !context.env['NO_COLOR'],
    });
  }
  return program;
}

function withSubcommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}
