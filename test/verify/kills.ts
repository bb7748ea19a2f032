import { expect } from 'vitest';
import type { Report } from '../../shared/model/report.ts';
import { killedAfter } from '../support/faults.ts';
import { codesOf } from './answers.ts';
import { veleroWorld } from './world.ts';

const rows = (report: Report) =>
  report.ladders?.[0]?.rows.map(({ application, proven }) => [application, proven?.point]);

/** After a run that was killed after every `step`th write to the ledger, the next finds the same. */
export async function checkKills(step: number): Promise<void> {
  const expected = await (await veleroWorld()).run();
  const world = await veleroWorld();
  const all = killedAfter(world.state, Number.POSITIVE_INFINITY);
  await world.run({ deps: { state: all.store } });
  const writes = all.log.length;
  expect(writes).toBeGreaterThan(15);
  for (let after = 0; after < writes; after += step) {
    const other = await veleroWorld();
    const { store } = killedAfter(other.state, after);
    await other.run({ deps: { state: store } }).catch(() => undefined);
    const next = await other.run();
    expect(rows(next), `killed after ${after} writes`).toEqual(rows(expected));
    expect(codesOf(next)).toEqual(codesOf(expected));
  }
}
