import { Command } from 'commander';
import { durationMs } from '../../shared/config/duration.ts';
import type { CliContext } from './context.ts';
import type { EvidenceTrimOptions } from './evidence-trim.ts';
import type { EvidenceVerifyOptions } from './evidence-verify.ts';
import { type GlobalOptions, parseDuration } from './options.ts';
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

const TRIM_HELP = `
The first records of each chain go, up to the first one that is younger than --older-than; the newest
stays, however old. A chain is verified before, and one that is broken is left alone. An anchor keeps
the hash of the last record that went, so that what is left can still be verified. Where a chain is
signed the key of the configuration ("verify: signingKey:") signs the anchor.

Nothing else removes evidence: to keep it for as long as a rule asks for, run this by a timer.

Examples:
  drydock evidence trim --dry-run
  drydock evidence trim --state s3://acme-drydock/state --older-than 800d

Exit codes:
  0    every chain was trimmed, or had nothing that old
  3    the state could not be read or written (denied, unreachable), or the store kept records
  4    a chain is broken, is signed by a key that is not configured, or a later Drydock wrote it
`;

/** `drydock evidence`: what is left of what was proven. Only `trim` writes to the state. */
export function evidenceCommand(context: CliContext, finish: (code: ExitCode) => void): Command {
  const command = new Command('evidence')
    .description('check the evidence that runs have left, or remove what is old')
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
  command
    .command('trim')
    .description('remove old evidence, so that what is left can still be verified')
    .option('--state <url>', 'where evidence is kept (default: "state:" of the configuration)')
    .option('--job <name>', 'the chains of this job alone')
    .option('--location <location>', 'the chains of this location alone: its name or URL')
    .option(
      '--older-than <duration>',
      `records older than this go (default: ${KEPT_DEFAULT})`,
      parseDuration('--older-than'),
    )
    .option('--dry-run', 'print what would go, write nothing')
    .addHelpText('after', TRIM_HELP)
    .action(async (_: unknown, self: Command) => {
      const { trimEvidenceChains } = await import('./evidence-trim.ts');
      const { olderThan = durationMs(KEPT_DEFAULT), ...options } = self.optsWithGlobals<
        Partial<EvidenceTrimOptions> & GlobalOptions
      >();
      finish(await trimEvidenceChains({ ...options, olderThan }, context));
    });
  return command;
}

/** More than a year: a yearly audit finds the evidence of the whole year before it. */
const KEPT_DEFAULT = '400d';

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
