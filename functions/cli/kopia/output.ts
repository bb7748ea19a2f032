import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { ExitCode } from '../outcome.ts';
import { EXIT, errorRecord, exitCodeOfError, toDrydockError } from '../outcome.ts';
import { json } from '../terminal.ts';

/** Whoever read the output has left: nothing is wrong, and nobody needs the rest. */
export class ReaderGone extends Error {}

/**
 * Writes as fast as the reader takes it and holds nothing back.
 * @throws ReaderGone
 */
export async function put(output: Writable, data: string | Uint8Array): Promise<void> {
  if (output.destroyed || output.errored) throw new ReaderGone();
  if (output.write(data)) return;
  await Promise.race([once(output, 'drain'), once(output, 'close')]).catch(() => undefined);
  if (output.destroyed || output.errored) throw new ReaderGone();
}

/** A JSON document whose list is too long to hold: it is written as its items come. */
export interface JsonList {
  item(value: unknown): Promise<void>;
}

/**
 * Writes `{ ...head, [name]: [items], ...tail }`. What `work` throws ends the list and becomes
 * `error` of the document, so that it stays one that parses.
 */
export async function jsonList(
  output: Writable,
  head: Readonly<Record<string, unknown>>,
  name: string,
  work: (list: JsonList) => Promise<Readonly<Record<string, unknown>>>,
): Promise<ExitCode> {
  const opened = json(head).replace(/\n\}$/, '');
  await put(output, `${opened},\n  ${JSON.stringify(name)}: [`);
  let separator = '\n    ';
  const list: JsonList = {
    async item(value) {
      await put(output, separator + oneLine(value));
      separator = ',\n    ';
    },
  };
  let tail: Readonly<Record<string, unknown>>;
  let code: ExitCode = EXIT.ok;
  try {
    tail = await work(list);
  } catch (thrown) {
    if (thrown instanceof ReaderGone) throw thrown;
    const error = toDrydockError(thrown);
    tail = { error: errorRecord(error) };
    code = exitCodeOfError(error);
  }
  const close = separator === ',\n    ' ? '\n  ]' : ']';
  const rest = json(tail).replace(/^\{/, '').replace(/\}$/, '').trimEnd();
  await put(output, `${close}${rest === '' ? '' : `,${rest}`}\n}\n`);
  return code;
}

function oneLine(value: unknown): string {
  // Without indentation there is no line to break, and what a terminal must not see is escaped.
  return json(value).replace(/\n\s*/g, ' ');
}
