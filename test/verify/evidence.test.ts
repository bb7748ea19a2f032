import { expect, test } from 'vitest';
import { listChains } from '../../shared/ledger/evidence-chains.ts';
import { locationLookKey } from '../../shared/ledger/keys.ts';
import { finding } from '../../shared/model/finding.ts';
import type { LadderRow } from '../../shared/model/ladder.ts';
import { memoryStore } from '../../shared/stores/memory.ts';
import { appendRun } from '../../shared/verify/memory.ts';
import { fakeClock } from '../support/clock.ts';
import { bytesOf } from './answers.ts';
import { veleroWorld } from './world.ts';

test('names of which each letter takes many bytes fill no record until it is refused', async () => {
  const state = memoryStore('state', fakeClock());
  const at = new Date('2026-11-25T12:00:00Z');
  for (const letter of ['a', '漢', '\u0001']) {
    const names = Array.from({ length: 300 }, (_, index) => `${index}${letter.repeat(250)}`);
    const rows = names.map((name): LadderRow => {
      const point = { point: name, takenAt: at.toISOString(), rung: 'intact' } as const;
      const row = { application: name, location: 'main', namespaces: [], rpoHours: 24, points: 1 };
      return { ...row, breachAfterHours: 25, newest: point, proven: point, byRung: {}, why: [] };
    });
    const findings = names.map((name) => finding('RPO_BREACHED', `s3://a ${name}`, 'Too old'));
    const url = 's3://a';
    const checkedAt = at.toISOString();
    const ladder = { location: 'main', url, checkedAt, runId: 'run', rows, unchecked: names };
    const run = { runId: 'run', at, ladder, findings, measures: {} };
    const deps = { state, uniqueId: () => 'id' };
    await appendRun(deps, `location of ${names[0]?.at(-1)}`, run);
  }
  expect(await Array.fromAsync(listChains(state))).toHaveLength(3);
});

test('the record of a look, which is the largest, wastes no white space', async () => {
  const world = await veleroWorld();
  await world.run();
  const text = String(await bytesOf(world.state, locationLookKey(world.location.identity)));
  expect(text.trimEnd()).toBe(JSON.stringify(JSON.parse(text)));
});
