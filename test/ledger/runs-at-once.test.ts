import fc from 'fast-check';
import { expect, test } from 'vitest';
import { listChains } from '../../shared/ledger/evidence-chains.ts';
import { verifyChain } from '../../shared/ledger/evidence-verify.ts';
import { readLocationLook } from '../../shared/ledger/location-look.ts';
import { listProofs, type Proof, type ProofRecord } from '../../shared/ledger/proofs.ts';
import type { Ladder } from '../../shared/model/ladder.ts';
import type { Report } from '../../shared/model/report.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { fakeClock } from '../support/clock.ts';
import { bytesOf } from '../verify/answers.ts';
import { PLACE, type World, worldOf } from '../verify/world.ts';
import { OLDER, smallWorld, takeAway } from './job-world.ts';

const HOUR_MS = 3_600_000;
const SKEW_MS_MAX = 2 * 60_000;

/** Numbers that look random and are the same for the same seed. */
function dice(seed: number): (sides: number) => number {
  let state = seed >>> 0;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

class Killed extends Error {}

/**
 * The ledger as one of several runs has it: each call takes its time, so that the others get in
 * between, and from one write on there are no more calls, as if the process were gone.
 */
function shared(state: ObjectStore, roll: (sides: number) => number, writesMax: number) {
  let writes = 0;
  const turn = async (): Promise<void> => {
    if (writes > writesMax) throw new Killed('killed');
    for (let n = roll(4); n > 0; n -= 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const store: ObjectStore = {
    ...state,
    async *list(prefix, options) {
      await turn();
      yield* state.list(prefix, options);
    },
    async read(key, options) {
      await turn();
      return state.read(key, options);
    },
    async write(key, body, options) {
      await turn();
      const info = await state.write(key, body, options);
      writes += 1;
      // Killed before it heard of it.
      await turn();
      return info;
    },
  };
  return store;
}

/** Everything that was ever written below `proofs/` and `ladders/`, in the order of the writes. */
function recorded(state: ObjectStore) {
  const proofs: ProofRecord[] = [];
  const ladders: Ladder[] = [];
  const store: ObjectStore = {
    ...state,
    async write(key, body, options) {
      const info = await state.write(key, body, options);
      const text = (await bytesOf(state, key)).toString();
      if (key.startsWith('proofs/')) proofs.push(JSON.parse(text).value);
      if (key.startsWith('ladders/')) ladders.push(JSON.parse(text).value);
      return info;
    },
  };
  return { store, proofs, ladders };
}

/** Three rounds of runs at once over a location that changes between them, then two in peace. */
async function simulate(seed: number) {
  const roll = dice(seed);
  const world = await smallWorld();
  const { snapshots } = world.location;
  const ledger = recorded(world.state);
  let ids = 0;
  const uniqueId = () => `id-${ids++}`;
  const run = (state: ObjectStore, nowMs: number, application?: string): Promise<Report> => {
    const clock = fakeClock(new Date(nowMs));
    return worldOf(world.store, PLACE, clock, { ...(snapshots && { snapshots }) }).run({
      config: { rung: 'present', ...(application !== undefined && { application }) },
      deps: { state, clock, uniqueId },
    });
  };
  const ended: Report[] = [];
  for (let round = 0; round < 3; round += 1) {
    world.clock.advance(HOUR_MS);
    const nowMs = world.clock.now().getTime();
    const away = [undefined, 'kopia/shop/p', `backups/${OLDER}/`][roll(3)];
    const bringBack = away === undefined ? undefined : await takeAway(world.store, away);
    const runs = [undefined, undefined, 'shop', 'billing'].slice(roll(2)).map((application) => {
      const writesMax = roll(3) === 0 ? roll(20) : Number.POSITIVE_INFINITY;
      const skewMs = roll(2 * SKEW_MS_MAX) - SKEW_MS_MAX;
      return run(shared(ledger.store, roll, writesMax), nowMs + skewMs, application);
    });
    ended.push(...(await Promise.all(runs)));
    await bringBack?.();
  }
  world.clock.advance(HOUR_MS);
  const nowMs = world.clock.now().getTime();
  const last = await run(ledger.store, nowMs);
  const again = await run(ledger.store, nowMs + HOUR_MS);
  return { world, ledger, ended: [...ended, last, again], last, again };
}

function superseded({ rung, outcome, provenAt }: Proof, by: readonly Proof[]): boolean {
  return by.some(
    (each) =>
      each.rung === rung &&
      each.outcome === outcome &&
      Date.parse(each.provenAt) >= Date.parse(provenAt),
  );
}

const rowsOf = (report: Report) =>
  report.ladders?.[0]?.rows.map(({ application, newest, proven }) => [
    application,
    newest?.point,
    newest?.rung,
    proven?.point,
  ]);

async function proofsOf(world: World): Promise<ReadonlyMap<string, readonly Proof[]>> {
  const records = listProofs(world.state, { location: world.location.identity });
  return new Map(
    await Array.fromAsync(
      records,
      ({ id, proofs }) => [`${id.application} ${id.point}`, proofs] as const,
    ),
  );
}

test('runs at once, some killed, on clocks minutes apart, lose no proof and break no chain', async () => {
  const expected = rowsOf(await (await smallWorld()).run({ config: { rung: 'present' } }));
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const { world, ledger, ended, last, again } = await simulate(seed);
      // Nothing but their death ended a run.
      const errors = ended.flatMap((report) => report.errors ?? []);
      for (const { message } of errors) expect(message).toContain('killed');

      const proofs = await proofsOf(world);
      for (const { id, proofs: written } of ledger.proofs) {
        const now = proofs.get(`${id.application} ${id.point}`) ?? [];
        for (const proof of written) expect(superseded(proof, now)).toBe(true);
      }
      // What the look says is in the ledger is in the ledger.
      const look = await readLocationLook(world.state, world.location.identity);
      for (const mark of look?.value.marks ?? []) {
        const now = proofs.get(`${mark.application} ${mark.point}`) ?? [];
        const { rung, outcome, provenAt } = mark;
        expect(superseded({ rung, outcome, provenAt, runId: '', kind: '' }, now)).toBe(true);
      }

      const times = ledger.ladders.map(({ checkedAt }) => checkedAt);
      expect(times).toEqual([...times].sort());

      const [found] = await Array.fromAsync(listChains(world.state));
      if (found?.chain === undefined) throw new Error('no chain');
      const now = new Date(world.clock.now().getTime() + HOUR_MS);
      const chain = await verifyChain(world.state, found.chain, { now });
      expect(chain.problems.filter(({ kind }) => kind !== 'clock')).toEqual([]);
      // One record for each run that came to its end, at most one of each that was killed.
      const whole = ended.filter((report) => report.errors === undefined).length;
      expect(chain.records).toBeGreaterThanOrEqual(whole);
      expect(chain.records).toBeLessThanOrEqual(ended.length);

      expect(rowsOf(last)).toEqual(expected);
      expect(rowsOf(again)).toEqual(expected);
      expect(again.measures['proofsWritten']).toBe(0);
    }),
    { numRuns: 3 },
  );
});
