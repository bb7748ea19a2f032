import { createHash } from 'node:crypto';
import { readObject } from '../../../shared/kopia/objects/object-reader.ts';
import { DrydockError } from '../../../shared/model/errors.ts';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../outcome.ts';
import { json } from '../terminal.ts';
import { type Chosen, chooseEntry } from './chosen.ts';
import { damageError } from './damage.ts';
import { entryFacts } from './entry-facts.ts';
import { shownPath } from './names.ts';
import { put, ReaderGone } from './output.ts';
import { type KopiaOptions, withSession } from './session.ts';
import { breathing } from './tree.ts';

/** Some of them are megabytes. */
const PIECES_AT_ONCE = 8;
/** Contents of the file asked for before they are needed: else the store's delay counts for each. */
const READ_AHEAD = 4;

export interface CatOptions extends KopiaOptions {
  readonly source?: string;
}

/**
 * `drydock kopia cat`: the bytes of one file on stdout, or with JSON its facts and the SHA-256 of
 * its bytes, all of which are read either way.
 */
export function catFile(
  location: string,
  argument: string,
  options: CatOptions,
  context: CliContext,
): Promise<ExitCode> {
  return withSession(location, options, context, async (session) => {
    const chosen = await chooseEntry(session, argument, options.source);
    const { names, entry, repository } = chosen;
    const what = names.length === 0 ? 'the snapshot' : `"${shownPath(names)}"`;
    if (entry.type !== 'file') throw noFile(what, chosen);
    const hash = createHash('sha256');
    let bytesDone = 0;
    const { signal, progress } = session;
    try {
      const pieces = readObject(repository.contents, entry.objectId, {
        signal,
        readAhead: READ_AHEAD,
      });
      for await (const bytes of breathing(pieces, signal, PIECES_AT_ONCE)) {
        if (options.output === 'text') await put(context.stdout, bytes);
        else hash.update(bytes);
        bytesDone += bytes.length;
        progress.update({
          stage: 'cat',
          objectsDone: 0,
          objectsAll: 1,
          bytesDone,
          bytesAll: entry.sizeBytes,
        });
      }
    } catch (error) {
      if (error instanceof ReaderGone) return EXIT.ok;
      const where = bytesDone === 0 ? '' : ` beyond its first ${bytesDone} bytes`;
      throw damageError(error, `file ${what}${where}`);
    }
    if (options.output === 'json') {
      const { sizeBytes: _listed, ...facts } = entryFacts(chosen);
      const file = { ...facts, sizeBytes: bytesDone, sha256: hash.digest('hex') };
      const { url, snapshot } = chosen;
      const where = { repository: url, snapshot: snapshot.id };
      context.stdout.write(`${json({ schema: 'drydock/kopia-cat/v1', ...where, file })}\n`);
    }
    return EXIT.ok;
  });
}

function noFile(what: string, { entry, names }: Chosen): DrydockError {
  const hints = {
    directory: 'List it with "drydock kopia ls", or write it to disk with "drydock kopia restore"',
    symlink:
      'Links are not followed: name its target; "drydock kopia restore" writes the link itself',
    unknown: 'Neither Kopia nor Drydock can restore it',
    file: '',
  } as const;
  const kind = {
    directory: 'folder',
    symlink: 'link',
    unknown: 'thing unknown to Kopia',
    file: '',
  };
  const message = `Cannot print ${what}: it is a ${kind[entry.type]}`;
  const add = names.length === 0 ? '; add the path of a file: <snapshot>:/path' : '';
  return new DrydockError('usage', 'NO_FILE', message, { hint: `${hints[entry.type]}${add}` });
}
