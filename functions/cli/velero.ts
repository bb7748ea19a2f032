import { Command } from 'commander';
import type { CliContext } from './context.ts';
import { type GlobalOptions, wholeNumber } from './options.ts';
import type { ExitCode } from './outcome.ts';
import type { SlotsOptions } from './velero/slots.ts';

type Finish = (code: ExitCode) => void;

const WHERE = `
A location is a name of the configuration or the URL of a Velero root: the folder that holds backups/.
Nothing is written to it, and what is said comes from its objects, not from Velero. The JSON forms are
those of docs/schemas/velero-*.schema.json: fields are added, never renamed or removed.
`;

const EXAMPLES = `
Examples:
  drydock velero backups 's3://acme-backups/velero?region=eu-central-1'
  drydock velero show production daily-20261121020000
  drydock velero slots production --kubeconfig ~/.kube/config
${WHERE}`;

/** `drydock velero`: the reader of Velero backups on its own. It never writes to a location. */
export function veleroCommand(context: CliContext, finish: Finish): Command {
  const command = new Command('velero')
    .description('read Velero backups, without Velero: list, show, and the slots of schedules')
    .addHelpText('after', EXAMPLES);
  for (const make of [backups, show, slots]) command.addCommand(make(context, finish));
  return command;
}

function reading(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument('<location>', 'name or URL of a Velero root');
}

function backups(context: CliContext, finish: Finish): Command {
  return reading('backups', 'which backups there are, and whether each is whole')
    .addHelpText(
      'after',
      `
Every artefact of every backup is read, tarballs too. STATE is that of the bytes in the store: whole,
damaged, failed (Velero restores nothing from it), unfinished (Velero is at work, or was interrupted)
or debris (no backup at all). Whether disk snapshots and Kopia data behind it exist is what "drydock
verify" looks at.

Exit codes: 0 nothing at or above --fail-on, 1 findings, 3 not carried out.

Examples:
  drydock velero backups production
  drydock velero backups azblob://acmebackups/velero --output json
${WHERE}`,
    )
    .action(async (location: string, _: unknown, self: Command) => {
      const { listBackups } = await import('./velero/backups.ts');
      finish(await listBackups(location, self.optsWithGlobals<GlobalOptions>(), context));
    });
}

function show(context: CliContext, finish: Finish): Command {
  return reading('show', 'everything that the objects of one backup say')
    .argument('<backup>', 'its name: the folder below backups/')
    .addHelpText(
      'after',
      `
Artefacts with sizes and hashes, namespaces, claims, volumes with their method, handle and result,
errors by namespace, and what is wrong. Values of Secrets are never read, only counted.

Examples:
  drydock velero show production daily-20261121020000
  drydock velero show s3://acme-backups/velero before-upgrade --output json
${WHERE}`,
    )
    .action(async (location: string, backup: string, _: unknown, self: Command) => {
      const { showBackup } = await import('./velero/show.ts');
      finish(await showBackup(location, backup, self.optsWithGlobals<GlobalOptions>(), context));
    });
}

function slots(context: CliContext, finish: Finish): Command {
  return reading('slots', 'when backups were due by their schedules, and what became of each')
    .option('--days <n>', 'look back so many days (default: 7)', wholeNumber('--days', 366))
    .option('--cluster <name>', 'ask this cluster of the configuration for its schedules')
    .option('--kubeconfig <file>', 'ask a cluster: this kubeconfig (default: KUBECONFIG)')
    .option('--context <name>', 'ask a cluster: this context of the kubeconfig')
    .addHelpText(
      'after',
      `
Schedules come from the cluster that is asked, else from the cluster of the location, else from
"verify.schedules" of the configuration. Without a cluster a backup that still runs cannot be seen.

VERDICT   met, late, queued, running, pending (too early to tell), skipped (by skipImmediately),
          stuck, missed (never taken up), lost (taken up, and no backup is left of it)

Exit codes: 0 nothing at or above --fail-on, 1 findings, 3 not carried out.

Examples:
  drydock velero slots production
  drydock velero slots production --cluster prod-eks --days 30
  drydock velero slots s3://acme-backups/velero --context prod --output json
${WHERE}`,
    )
    .action(async (location: string, _: unknown, self: Command) => {
      const { showSlots } = await import('./velero/slots.ts');
      finish(await showSlots(location, self.optsWithGlobals<SlotsOptions>(), context));
    });
}
