import { mkdir, readdir, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DrydockError } from '../../../shared/model/errors.ts';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode, highest, Interrupted } from '../outcome.ts';
import { count, duration, printable, size } from '../terminal.ts';
import { type Chosen, chooseEntry } from './chosen.ts';
import { entryFacts, longLine } from './entry-facts.ts';
import { shownPath } from './names.ts';
import { jsonList, put, ReaderGone } from './output.ts';
import { type RestoreProblem, type RestoreTotals, restoreTree } from './restoration.ts';
import { type KopiaOptions, type Session, withSession } from './session.ts';
import type { Located } from './tree.ts';
import { errnoOf } from './tree-writer.ts';

export interface RestoreOptions extends KopiaOptions {
  readonly source?: string;
  readonly overwrite?: boolean;
  readonly owners?: boolean;
  readonly dryRun?: boolean;
}

/** `drydock kopia restore`: a tree, or one file, of a snapshot into a folder of this machine. */
export function restore(
  location: string,
  argument: string,
  folder: string,
  options: RestoreOptions,
  context: CliContext,
): Promise<ExitCode> {
  checkOwners(options);
  return withSession(location, options, context, async (session) => {
    const chosen = await chooseEntry(session, argument, options.source);
    const target = await targetFolder(folder, options);
    if (chosen.snapshot.incompleteReason !== undefined) {
      const reason = chosen.snapshot.incompleteReason;
      session.log.log('warning', `the snapshot is incomplete (${reason}): it holds a part only`);
    }
    try {
      return options.output === 'json'
        ? await restoreAsJson(session, chosen, target, options)
        : await restoreAsText(session, chosen, target, options);
    } catch (error) {
      if (error instanceof ReaderGone) return EXIT.ok;
      throw error;
    }
  });
}

function checkOwners({ owners }: RestoreOptions): void {
  if (owners !== true || process.getuid?.() === 0) return;
  const message = 'Cannot use --owners: only root may give files away';
  const hint = 'Run as root, or without --owners: what is restored then belongs to you';
  throw new DrydockError('usage', 'OWNERS_NEED_ROOT', message, { hint });
}

/** The folder's real path; a dry run makes none. */
async function targetFolder(folder: string, options: RestoreOptions): Promise<string> {
  const path = resolve(folder);
  try {
    const names = await readdir(path);
    if (names.length > 0 && options.overwrite !== true) {
      const message = `Cannot restore to "${path}": the folder is not empty`;
      throw new DrydockError('refused', 'TARGET_NOT_EMPTY', message, {
        hint: 'Choose an empty folder, or replace what has the same name with --overwrite',
      });
    }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw fileSystemError(error, path);
    if (options.dryRun === true) return path;
    await mkdir(path, { recursive: true }).catch((cause: unknown) => {
      throw fileSystemError(cause, path);
    });
  }
  return realpath(path);
}

/** What the file system says about the whole restore, in words. */
function fileSystemError(error: unknown, folder: string): unknown {
  const errno = errnoOf(error);
  if (error instanceof DrydockError || errno === undefined) return error;
  const reasons: Readonly<Record<string, readonly [string, string]>> = {
    ENOSPC: ['there is no space left', 'Free some space, then restore again with --overwrite'],
    EDQUOT: ['the quota is used up', 'Raise the quota, then restore again with --overwrite'],
    EROFS: ['the file system is read-only', 'Choose a folder that can be written to'],
    EACCES: ['permission denied', 'Choose a folder that this user may write to'],
    EPERM: ['permission denied', 'Choose a folder that this user may write to'],
    ENOTDIR: ['it is no folder', 'Name a folder'],
  };
  const [reason, hint] = reasons[errno] ?? [errno, 'Look at the file system of the folder'];
  const message = `Cannot restore to "${folder}": ${reason}`;
  return new DrydockError('operation', 'RESTORE_FAILED', message, { hint, cause: error });
}

interface Watch {
  readonly onProblem: (problem: RestoreProblem) => Promise<void>;
  readonly onEntry?: (located: Located) => Promise<void>;
}

async function run(
  session: Session,
  chosen: Chosen,
  folder: string,
  options: RestoreOptions,
  watch: Watch,
): Promise<RestoreTotals> {
  const { progress, signal } = session;
  try {
    return await restoreTree(
      {
        contents: chosen.repository.contents,
        from: chosen,
        folder,
        dryRun: options.dryRun === true,
        progress,
        ...watch,
      },
      { overwrite: options.overwrite === true, owners: options.owners === true, signal },
    );
  } catch (error) {
    throw error instanceof Interrupted ? interrupted() : fileSystemError(error, folder);
  } finally {
    progress.end();
  }
}

async function restoreAsText(
  session: Session,
  chosen: Chosen,
  folder: string,
  options: RestoreOptions,
): Promise<ExitCode> {
  const { stdout, colors, clock } = session.context;
  const dryRun = options.dryRun === true;
  const started = clock.now().getTime();
  const watch: Watch = {
    onProblem: async ({ names, reason }) => {
      const path = names.length === 0 ? '(the folder itself)' : shownPath(names);
      session.progress.line(
        `${colors.red('not restored as it was:')} ${path}: ${printable(reason)}`,
      );
    },
    ...(dryRun && { onEntry: (located: Located) => put(stdout, `${longLine(located)}\n`) }),
  };
  const totals = await run(session, chosen, folder, options, watch);
  const what = [
    count(totals.files, 'file'),
    count(totals.folders, 'folder'),
    count(totals.links, 'link'),
    size(totals.sizeBytes),
  ].join(', ');
  const to = printable(folder);
  const ran = duration(clock.now().getTime() - started);
  const line = dryRun
    ? `Would restore ${what} to ${to}; nothing was written`
    : `Restored ${what} to ${to} in ${ran}`;
  const { problems } = totals;
  const paint = problems === 0 ? colors.green : colors.yellow;
  const missing = problems === 0 ? '' : `; ${count(problems, 'thing')} not restored as it was`;
  await put(stdout, `${paint(line + missing)}\n`);
  return problems === 0 ? EXIT.ok : EXIT.findings;
}

async function restoreAsJson(
  session: Session,
  chosen: Chosen,
  folder: string,
  options: RestoreOptions,
): Promise<ExitCode> {
  const { stdout } = session.context;
  const dryRun = options.dryRun === true;
  const head = {
    schema: 'drydock/kopia-restore/v1',
    repository: chosen.url,
    snapshot: chosen.snapshot.id,
    path: chosen.names.join('/'),
    folder,
    dryRun,
  };
  let found: ExitCode = EXIT.ok;
  const code = await jsonList(stdout, head, dryRun ? 'entries' : 'problems', async (list) => {
    const problems: unknown[] = [];
    const totals = await run(session, chosen, folder, options, {
      onProblem: async ({ names, reason }) => {
        const problem = { path: names.join('/'), reason };
        if (dryRun) problems.push(problem);
        else await list.item(problem);
      },
      ...(dryRun && { onEntry: (located: Located) => list.item(entryFacts(located)) }),
    });
    if (totals.problems > 0) found = EXIT.findings;
    const { problems: problemCount, ...amounts } = totals;
    return { ...(dryRun && { problems }), ...amounts, notRestored: problemCount };
  });
  return highest([code, found]);
}

function interrupted(): Interrupted {
  return new Interrupted(
    'What is there is whole; run the same command again with --overwrite for the rest',
  );
}
