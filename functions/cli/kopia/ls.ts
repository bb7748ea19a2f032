import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode, highest } from '../outcome.ts';
import { chooseEntry } from './chosen.ts';
import { entryFacts, longLine } from './entry-facts.ts';
import { shownName, shownPath } from './names.ts';
import { jsonList, put, ReaderGone } from './output.ts';
import { type KopiaOptions, type Session, withSession } from './session.ts';
import { type Located, type TreeStep, treeBelow } from './tree.ts';

export interface LsOptions extends KopiaOptions {
  readonly source?: string;
  readonly recursive?: boolean;
  readonly long?: boolean;
}

/** `drydock kopia ls`: what a snapshot holds. A folder that cannot be read makes the exit code 1. */
export function listTree(
  location: string,
  argument: string,
  options: LsOptions,
  context: CliContext,
): Promise<ExitCode> {
  return withSession(location, options, context, async (session) => {
    const chosen = await chooseEntry(session, argument, options.source);
    const steps =
      chosen.entry.type === 'directory'
        ? treeBelow(chosen.repository.contents, chosen, options.recursive === true, {
            signal: session.signal,
          })
        : only(chosen);
    // From here on the entries are what a reader watches, not the bar.
    session.progress.end();
    try {
      if (options.output === 'text') return await printLines(session, steps, options);
      const head = {
        schema: 'drydock/kopia-ls/v1',
        repository: chosen.url,
        snapshot: chosen.snapshot.id,
        path: chosen.names.join('/'),
      };
      let code: ExitCode = EXIT.ok;
      const ended = await jsonList(context.stdout, head, 'entries', async (list) => {
        const damages: unknown[] = [];
        for await (const step of steps) {
          if (step.kind === 'entry') await list.item(entryFacts(step));
          else damages.push({ path: step.names.join('/'), reason: step.reason });
        }
        if (damages.length > 0) code = EXIT.findings;
        return { damages };
      });
      return highest([code, ended]);
    } catch (error) {
      if (error instanceof ReaderGone) return EXIT.ok;
      throw error;
    }
  });
}

/** A snapshot may be one file: then its own name is all that there is. */
async function* only({ names, entry }: Located): AsyncGenerator<TreeStep> {
  yield { kind: 'entry', names: names.length === 0 ? [entry.name] : names, entry };
}

async function printLines(
  { context, progress }: Session,
  steps: AsyncIterable<TreeStep>,
  { recursive, long }: LsOptions,
): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  for await (const step of steps) {
    if (step.kind === 'damage') {
      code = EXIT.findings;
      const where = step.names.length === 0 ? 'the root folder' : shownPath(step.names);
      progress.line(`${context.errorColors.red('damaged')} ${where}: ${shownName(step.reason)}`);
      continue;
    }
    const { names, entry } = step;
    const shown = recursive ? names : names.slice(-1);
    const end = entry.type === 'directory' ? '/' : '';
    const line = long ? longLine({ names: shown, entry }) : `${shownPath(shown)}${end}`;
    await put(context.stdout, `${line}\n`);
  }
  return code;
}
