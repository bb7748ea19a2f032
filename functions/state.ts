import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { Place } from '../shared/config/config.ts';
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
 */
export async function openState(
  { state, stateIsLocal, dryRun }: StateChoice,
  context: StoreContext,
): Promise<ObjectStore> {
  const { location } = state;
  if (stateIsLocal && location.kind === 'file') {
    if (dryRun && !existsSync(location.path)) return memoryStore('state', context.clock);
    await mkdir(location.path, { recursive: true, mode: 0o700 });
  }
  return openStore(state, context);
}
