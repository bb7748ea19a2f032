import { randomUUID } from 'node:crypto';
import type { Config, NamedLocation, Place } from '../shared/config/config.ts';
import { locationIdentity } from '../shared/config/location.ts';
import { checkState } from '../shared/config/overlap.ts';
import { acquireLease, type Lease } from '../shared/ledger/lease.ts';
import { DrydockError } from '../shared/model/errors.ts';
import { errorFields } from './invocation.ts';
import { isRunning, leaseOwner } from './owner.ts';
import { openState } from './state.ts';
import type { RunContext } from './wiring.ts';

/**
 * Works on a location while no other worker does. Each tick sends a shard for each location, also
 * while that of an earlier one goes on for hours: without this, all workers would read the same.
 * A lease that cannot be had for another reason keeps nobody from working, and one that is lost
 * stops nobody: what is done twice does no harm.
 * @returns what `work` did; `undefined` where somebody else is at it
 */
export async function whileAlone<T>(
  place: NamedLocation,
  state: Place,
  config: Config,
  context: RunContext,
  work: () => Promise<T>,
): Promise<T | undefined> {
  let lease: Lease | undefined;
  try {
    for (const each of config.locations.values()) checkState(state.location, each);
    const store = await openState({ state, stateIsLocal: false, dryRun: false }, context);
    const deps = { state: store, clock: context.clock, uniqueId: randomUUID, isRunning };
    const subject = `verify ${locationIdentity(place.location)}`;
    lease = await acquireLease(deps, subject, leaseOwner(context.env));
  } catch (error) {
    if (error instanceof DrydockError && error.code === 'LEASE_HELD') return undefined;
    context.log.log('warning', 'no lease', { location: place.name, ...errorFields(error) });
  }
  try {
    return await work();
  } finally {
    // What cannot be removed ends by itself.
    await lease?.release().catch(() => undefined);
  }
}
