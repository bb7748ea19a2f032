import { memoryStore } from '../../shared/stores/memory.ts';
import { metered } from '../../shared/stores/metered.ts';
import { prefixed } from '../../shared/stores/prefixed.ts';
import { RETRY_DEFAULTS, retrying } from '../../shared/stores/retrying.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { totalsMeter } from '../../shared/telemetry/meter.ts';
import { fakeClock, systemClock } from '../support/clock.ts';
import type { ContractException, ContractSubject } from './object-store.ts';

const reason = 'memory has no service that could refuse, be absent, be down or archive';
export const memoryExceptions: readonly ContractException[] = [
  'denied is denied for every call, never absent',
  'an absent bucket is bucket_not_found for every call that says so',
  'an endpoint that is down is unreachable for every call',
  'a store that asks for a slower pace is throttled for every call',
  'an archived object is archived when read',
].map((test) => ({ test, reason }));

export type Wrap = (store: ObjectStore) => ObjectStore;

/** What stands around a store, each by itself. */
export const WRAPPERS: Readonly<Record<'prefixed' | 'metered' | 'retrying', Wrap>> = {
  prefixed: (store) => prefixed(store, 'some/prefix/'),
  metered: (store) => metered(store, totalsMeter(), 'store'),
  retrying: (store) => retrying(store, { ...RETRY_DEFAULTS, random: () => 0.5 }, fakeClock()),
};

export async function memorySubject(wrap: Wrap = (store) => store): Promise<ContractSubject> {
  return { store: wrap(memoryStore('contract', systemClock)) };
}
