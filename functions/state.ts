import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { Place } from '../shared/config/config.ts';
import { DrydockError } from '../shared/model/errors.ts';
import { memoryStore } from '../shared/stores/memory.ts';
import type { ObjectStore } from '../shared/stores/store.ts';
import { openStore, type StoreContext } from './stores.ts';

export interface StateChoice {
  readonly state: Place;
  /** The state is a folder of this machine that nobody chose. */
  readonly stateIsLocal: boolean;
  readonly dryRun: boolean;
}

/**
 * The state's store. Nobody made the folder that serves where no state is named, so that it is made
 * here; a plan must leave nothing behind and does with memory until a first run has made it.
 * @throws DrydockError `STATE_FOLDER_MISSING`
 */
export async function openState(
  { state, stateIsLocal, dryRun }: StateChoice,
  context: StoreContext,
): Promise<ObjectStore> {
  const { location } = state;
  if (stateIsLocal && location.kind === 'file') {
    if (dryRun && !existsSync(location.path)) return memoryStore('state', context.clock);
    await makeFolder(location.path);
  }
  return openStore(state, context);
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const { code = 'unknown' } = cause as NodeJS.ErrnoException;
    const message = `Cannot make the folder "${path}" for the state (${code})`;
    throw new DrydockError('usage', 'STATE_FOLDER_MISSING', message, {
      hint: 'Name a place that this user may write to, with --state or "state:" of the configuration',
      cause,
    });
  }
}
