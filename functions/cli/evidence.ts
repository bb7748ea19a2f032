import { Command } from 'commander';
import type { CliContext } from './context.ts';
import type { EvidenceVerifyOptions } from './evidence-verify.ts';
import type { ExitCode } from './outcome.ts';

const EXAMPLES = `
Examples:
  drydock evidence verify --state s3://acme-drydock/state
  drydock evidence verify --job verify --location production --output json
  drydock evidence verify --public-key signing.pub.pem
`;

const VERIFY_HELP = `
Each job keeps one chain per location in the state: every record carries the SHA-256 of the one
before. The whole chain is read, and nothing is written. For each chain the hash of its last record
is printed: noted elsewhere, it proves later that nothing before it was changed.

With --public-key (ed25519 or P-256, PEM; may be repeated) signatures are checked, and a chain that
none of these keys signed counts as broken. Without it signatures are reported as unchecked.
${EXAMPLES}
Exit codes:
  0    every chain is whole
  1    a chain is broken, or there is none (see --fail-on)
  3    the state could not be read (denied, unreachable), or not in time
  4    a later Drydock wrote a record
`;

/** `drydock evidence`: what is left of what was proven. It never writes to the state. */
export function evidenceCommand(context: CliContext, finish: (code: ExitCode) => void): Command {
  const command = new Command('evidence')
    .description('check the evidence that runs have left')
    .addHelpText('after', EXAMPLES);
  command
    .command('verify')
    .description('is every chain of evidence what was once written')
    .option('--state <url>', 'where evidence is kept (default: "state:" of the configuration)')
    .option('--job <name>', 'the chains of this job alone')
    .option('--location <location>', 'the chains of this location alone: its name or URL')
    .option('--public-key <file>', 'a key whose signatures count; may be repeated', collect)
    .addHelpText('after', VERIFY_HELP)
    .action(async (_: unknown, self: Command) => {
      const { verifyEvidence } = await import('./evidence-verify.ts');
      finish(await verifyEvidence(self.optsWithGlobals<EvidenceVerifyOptions>(), context));
    });
  return command;
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
