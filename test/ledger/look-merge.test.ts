import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GoneBackup, LocationLook, ProofMark } from '../../shared/ledger/location-look.ts';
import { mergedLooks } from '../../shared/ledger/look-merge.ts';
import { finding } from '../../shared/model/finding.ts';
import { backupSubject } from '../../shared/velero/checks/plain.ts';
import { openLookKeeper } from '../../shared/verify/look-keeper.ts';
import { facts, resource } from '../verify/facts.ts';
import { at, STORES, uniqueId } from './world.ts';

const LOCATION = 's3://acme-backups/velero';

function look(hours: number, more: Partial<LocationLook> = {}): LocationLook {
  return {
    location: LOCATION,
    lookedAt: at(hours),
    runId: `run-${hours}`,
    backups: [],
    gone: [],
    schedules: [],
    marks: [],
    tampered: [],
    ...more,
  };
}
const backup = (name: string, hours: number) =>
  facts({ backup: name, lookedAt: at(hours), resource: resource({ name }) });
const mark = (point: string, hours: number, more: Partial<ProofMark> = {}): ProofMark => ({
  application: 'shop',
  point,
  rung: 'intact',
  outcome: 'proven',
  provenAt: at(hours),
  ...more,
});
const gone = (name: string, hours: number): GoneBackup => ({
  backup: name,
  uid: `uid-of-${name}`,
  lastSeenAt: at(0),
  missedAt: at(hours),
  wasComplete: true,
});
const names = ({ backups }: LocationLook) => backups.map((each) => each.backup);

describe('of two looks', () => {
  test('the later says which backups there are, and what was read after it counts too', () => {
    const late = look(10, { backups: [backup('a', 3), backup('c', 9)] });
    const early = look(8, { backups: [backup('a', 8), backup('b', 7), backup('d', 11)] });
    const merged = mergedLooks(early, late);
    // "b" was gone when the later one looked; "d" was read by a run that is still under way.
    expect(names(merged)).toEqual(['a', 'c', 'd']);
    expect(merged.backups[0]?.lookedAt).toBe(at(8));
    expect(merged.lookedAt).toBe(at(10));
  });

  test('the later proof counts, and of equal ones the refutation', () => {
    const refuted = mark('p', 5, { outcome: 'refuted' });
    for (const [one, other, expected] of [
      [mark('p', 5), refuted, refuted],
      [mark('p', 6), refuted, mark('p', 6)],
      [mark('p', 4), refuted, refuted],
      [mark('p', 5), mark('p', 5, { rung: 'present' }), mark('p', 5, { rung: 'present' })],
    ] as const) {
      const merged = mergedLooks(look(1, { marks: [one] }), look(2, { marks: [other] }));
      expect(merged.marks).toEqual([expected]);
    }
  });

  test('a backup is gone since it was first missed, unless the later one has it', () => {
    const early = look(8, { gone: [gone('a', 8), gone('b', 8)] });
    const late = look(10, { gone: [gone('a', 10)], backups: [backup('b', 10)] });
    expect(mergedLooks(late, early).gone).toEqual([gone('a', 8)]);
  });

  test('whoever read a backup last says whether it was tampered with', () => {
    const told = (name: string) =>
      finding('BACKUP_TAMPERED', backupSubject(LOCATION, name), 'It is another one');
    const early = look(8, {
      backups: [backup('a\u0007', 9), backup('b', 3)],
      tampered: [told('a\u0007'), told('b')],
    });
    const late = look(10, { backups: [backup('a\u0007', 3), backup('b', 10)], tampered: [] });
    expect(mergedLooks(early, late).tampered).toEqual([told('a\u0007')]);
  });

  const name = fc.constantFrom('a', 'b', 'c');
  const hours = fc.integer({ min: 0, max: 4 });
  const some = fc
    .record({
      hours,
      backups: fc.uniqueArray(fc.tuple(name, hours), { selector: ([each]) => each }),
      marks: fc.array(
        fc.tuple(name, hours, fc.constantFrom('proven' as const, 'refuted' as const)),
      ),
      gone: fc.array(fc.tuple(name, hours)),
    })
    .map((made) =>
      look(made.hours, {
        backups: made.backups
          .map(([each, at]) => backup(each, at))
          .sort((l, r) => (l.backup < r.backup ? -1 : 1)),
        marks: made.marks.map(([each, at, outcome]) => mark(each, at, { outcome })),
        gone: made.gone.map(([each, at]) => gone(each, at)),
      }),
    );

  test('the order makes no difference, and once is enough', () => {
    fc.assert(
      fc.property(some, some, (one, other) => {
        fc.pre(one.lookedAt !== other.lookedAt);
        const merged = mergedLooks(one, other);
        expect(mergedLooks(other, one)).toEqual(merged);
        expect(mergedLooks(merged, one)).toEqual(merged);
        expect(mergedLooks(other, merged)).toEqual(merged);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a keeper of looks', () => {
  const deps = async () => ({ state: await STORES.memory(), uniqueId });

  test('loses nothing that another run has written meanwhile, at once or later', async () => {
    const own = await deps();
    const [one, other] = await Promise.all([
      openLookKeeper(own, LOCATION),
      openLookKeeper(own, LOCATION),
    ]);
    const refuted = mark('p', 3, { outcome: 'refuted' });
    await one.save(look(3, { marks: [refuted] }));
    // A checkpoint first, then the end of a run that knew the point as proven.
    await other.save(look(2, { marks: [mark('p', 1)] }));
    await other.save(look(2, { marks: [mark('p', 1), mark('q', 2)] }));
    const { previous } = await openLookKeeper(own, LOCATION);
    expect(previous?.marks).toEqual([refuted, mark('q', 2)]);
  });

  test('gives up on a state that always says that somebody else was first', async () => {
    const own = await deps();
    const keeper = await openLookKeeper(own, LOCATION);
    await keeper.save(look(1));
    const { state } = own;
    const write: typeof state.write = (key, body, options) =>
      state.write(key, body, { ...options, condition: 'absent' });
    const lying = await openLookKeeper({ ...own, state: { ...state, write } }, LOCATION);
    await expect(lying.save(look(2))).rejects.toMatchObject({ code: 'LEDGER_BUSY' });
  });
});
