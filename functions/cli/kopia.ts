import { Command } from 'commander';
import type { CliContext } from './context.ts';
import type { CatOptions } from './kopia/cat.ts';
import type { LsOptions } from './kopia/ls.ts';
import type { RestoreOptions } from './kopia/restore.ts';
import type { KopiaOptions } from './kopia/session.ts';
import type { SnapshotsOptions } from './kopia/snapshots.ts';
import type { KopiaVerifyOptions } from './kopia/verify.ts';
import { oneOf, shareOption, wholeNumber } from './options.ts';
import type { ExitCode } from './outcome.ts';

type Finish = (code: ExitCode) => void;

const WHERE = `
A location is a name of the configuration or a URL: a Kopia repository, or a Velero root with several
of them below kopia/, of which --repository <namespace> chooses one.

The password is that of --password, else of "repositoryPassword" of the location, else of the
variable DRYDOCK_KOPIA_PASSWORD, else the one that Velero sets by default.
`;

const EXAMPLES = `
Examples:
  drydock kopia snapshots 's3://acme-backups/velero?region=eu-central-1'
  drydock kopia verify production --level content --share 7
  drydock kopia restore production --repository shop 6e42570c /tmp/db-0
${WHERE}`;

const SNAPSHOT = `
A snapshot is a manifest id (what Velero's PodVolumeBackup and DataUpload call "snapshotID"), the
beginning of one, the object id of its root, or "latest", of one source with --source. A path below
it follows a colon; odd characters of names are written as "ls" shows them (\\n, \\x2f, \\u202e).
`;

/** `drydock kopia`: the reader of Kopia repositories on its own. It never writes to a repository. */
export function kopiaCommand(context: CliContext, finish: Finish): Command {
  const command = new Command('kopia')
    .description('read Kopia repositories, without Kopia: list, verify, restore')
    .addHelpText('after', EXAMPLES);
  for (const make of [info, snapshots, ls, cat, verify, restore]) {
    command.addCommand(make(context, finish));
  }
  return command;
}

function reading(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument('<location>', 'name or URL of a repository, or of a Velero root')
    .option('--repository <namespace>', 'which repository of a Velero root')
    .option('--password <reference>', 'where its password is kept: env:NAME or file:/path');
}

function info(context: CliContext, finish: Finish): Command {
  return reading('info', 'what a repository is: format, index, maintenance, newest snapshots')
    .addHelpText(
      'after',
      `
Examples:
  drydock kopia info azblob://acmebackups/velero
  drydock kopia info production --repository shop --output json
${WHERE}`,
    )
    .action(async (location: string, _: unknown, self: Command) => {
      const { showInfo } = await import('./kopia/info.ts');
      finish(await showInfo(location, self.optsWithGlobals<KopiaOptions>(), context));
    });
}

function snapshots(context: CliContext, finish: Finish): Command {
  return reading('snapshots', 'which snapshots there are, by source')
    .option('--source <source>', 'of one source alone: user@host:path, or its path')
    .option('--tag <name=value>', 'with this tag; may be repeated', collect)
    .option('--all', 'incomplete ones too: checkpoints and uploads that were cancelled')
    .addHelpText(
      'after',
      `
Examples:
  drydock kopia snapshots production
  drydock kopia snapshots production --tag backup=daily-20261121 --output json
${WHERE}`,
    )
    .action(async (location: string, _: unknown, self: Command) => {
      const { listSnapshots } = await import('./kopia/snapshots.ts');
      finish(await listSnapshots(location, self.optsWithGlobals<SnapshotsOptions>(), context));
    });
}

function ls(context: CliContext, finish: Finish): Command {
  return reading('ls', 'what a snapshot holds')
    .argument('<snapshot[:/path]>', 'the snapshot, and a folder or file in it')
    .option('--source <source>', 'with "latest": of this source')
    .option('-r, --recursive', 'folders within folders too')
    .option('-l, --long', 'mode, size, time and object id')
    .addHelpText(
      'after',
      `
Examples:
  drydock kopia ls production 6e42570c3ff8b1238e70f8bc35789779:/var/lib -l
  drydock kopia ls production --repository shop latest -r
${SNAPSHOT}${WHERE}`,
    )
    .action(async (location: string, snapshot: string, _: unknown, self: Command) => {
      const { listTree } = await import('./kopia/ls.ts');
      finish(await listTree(location, snapshot, self.optsWithGlobals<LsOptions>(), context));
    });
}

function cat(context: CliContext, finish: Finish): Command {
  return reading('cat', 'print one file of a snapshot')
    .argument('<snapshot:/path>', 'the snapshot, and the file in it')
    .option('--source <source>', 'with "latest": of this source')
    .addHelpText(
      'after',
      `
The bytes go to stdout as they are. With --output json all of them are read, and what is printed is
the file's facts with the SHA-256 of its bytes.

Examples:
  drydock kopia cat production 6e42570c:/etc/hosts
  drydock kopia cat production latest:/dump.sql.gz | gunzip | head
${SNAPSHOT}${WHERE}`,
    )
    .action(async (location: string, snapshot: string, _: unknown, self: Command) => {
      const { catFile } = await import('./kopia/cat.ts');
      finish(await catFile(location, snapshot, self.optsWithGlobals<CatOptions>(), context));
    });
}

function verify(context: CliContext, finish: Finish): Command {
  return reading('verify', 'could every snapshot be restored whole')
    .option(
      '--level <level>',
      `how much is proven: ${LEVELS.join(' or ')}`,
      oneOf('--level', LEVELS),
      'structure',
    )
    .option(
      '--share <n/t>',
      'content: new packs, and the n-th of t slices; with t alone the slice proven longest ago',
      shareOption('--share'),
    )
    .option('--state <url>', 'content: where proofs are kept between runs, outside the location')
    .option(
      '--threads <n>',
      'content: threads that decrypt and hash (default: one per core)',
      wholeNumber('--threads', 64),
    )
    .option('--allow-retrieval', 'content: read packs of storage classes that charge for reading')
    .addHelpText(
      'after',
      `
structure   every pack exists and is long enough, all manifests can be read, the tree of every
            snapshot resolves, nothing was lost in a compaction, maintenance runs
content     the same, and every byte is read, decrypted and compared with its hash; with --state each
            run takes what is new, and with --share in t runs everything again

Exit codes: 0 nothing at or above --fail-on, 1 findings, 3 not carried out or cut by --deadline.

Examples:
  drydock kopia verify production
  drydock kopia verify production --level content --share 7 --state s3://acme-drydock/state
  drydock kopia verify azblob://acmebackups/velero --repository shop --output json
${WHERE}`,
    )
    .action(async (location: string, _: unknown, self: Command) => {
      const { verify: run } = await import('./kopia/verify.ts');
      finish(await run(location, self.optsWithGlobals<KopiaVerifyOptions>(), context));
    });
}

const LEVELS = ['structure', 'content'] as const;

function restore(context: CliContext, finish: Finish): Command {
  return reading('restore', 'write a snapshot, or a part of it, to a folder of this machine')
    .argument('<snapshot[:/path]>', 'the snapshot, and a folder or file in it')
    .argument('<folder>', 'made where it is not there; must be empty')
    .option('--source <source>', 'with "latest": of this source')
    .option('--overwrite', 'the folder may hold something: what has the same name is replaced')
    .option('--owners', 'as root: owner and group too, and set-user-id and set-group-id bits')
    .option('--dry-run', 'list what would be written, write nothing')
    .addHelpText(
      'after',
      `
Files get their mode and time; a file is under its name only when it is whole. Nothing is written
outside the folder or through a link: names that would lead there are refused, one by one. What is
damaged is told and passed over, and the exit code is 1. A block volume becomes one file, named after
its device with %2F for "/".

Examples:
  drydock kopia restore production 6e42570c /tmp/db-0
  drydock kopia restore production latest:/etc /tmp/etc --dry-run
${SNAPSHOT}${WHERE}`,
    )
    .action(
      async (location: string, snapshot: string, folder: string, _: unknown, self: Command) => {
        const { restore: run } = await import('./kopia/restore.ts');
        const options = self.optsWithGlobals<RestoreOptions>();
        finish(await run(location, snapshot, folder, options, context));
      },
    );
}

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
