import { prefixedReader } from '../../../shared/stores/prefixed.ts';
import type { ObjectReader } from '../../../shared/stores/store.ts';
import { fakeClock } from '../../support/clock.ts';
import { fixtureInMemory } from '../../support/fixture-stores.ts';
import { loadFixture } from '../../support/fixtures.ts';

export const fixture = await loadFixture('velero/v1.18.2');

/** The root that a real Velero server wrote. */
export async function realRoot(): Promise<ObjectReader> {
  return prefixedReader(await fixtureInMemory(fixture, fakeClock()), 'prod/');
}
