import { DrydockError } from '../model/errors.ts';
import type { Setting, UncheckedSetting } from './settings.ts';
import type { CallOptions } from './store.ts';

/**
 * The answer to one question, or why there is none: a right that is missing, a network that fails,
 * a store without such a setting. None of these ever means that the setting is off (S7).
 *
 * @param right what to grant where the answer is "denied", as it follows "Grant"
 * @param ask throws a `DrydockError`, whose codes `denied` and `unsupported` have words of their own
 * @throws the reason of an aborted signal, or a defect
 */
export async function askSetting<T>(
  right: string,
  ask: () => Promise<T>,
  { signal }: CallOptions = {},
): Promise<Setting<T>> {
  try {
    return { outcome: 'told', value: await ask() };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof DrydockError)) throw error;
    if (error.code === 'denied') return unchecked('access denied', `Grant ${right}`);
    if (error.code === 'unsupported') return NO_SUCH_SETTING;
    return unchecked(error.message, error.hint ?? 'Run again later');
  }
}

export function unchecked(reason: string, hint: string): UncheckedSetting {
  return { outcome: 'unchecked', reason, hint };
}

const NO_SUCH_SETTING = unchecked(
  'this store has no such setting',
  "Look for rules and keys with the store's own tools",
);
