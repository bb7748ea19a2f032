import { expect, test } from 'vitest';
import type { ObjectReader, ObjectStore } from '../../shared/stores/store.ts';
import { StoreError } from '../../shared/stores/store-error.ts';
import { codesOf, findingOf, removeBelow, rowOf, verdictsOf } from './answers.ts';
import { veleroWorld, type World } from './world.ts';

const denied = (key: string) => new StoreError('denied', `Cannot read "${key}": denied`);

function denying(world: World, isDenied: (key: string) => boolean): ObjectReader {
  const { reader } = world.location;
  const read: typeof reader.read = (key, options) =>
    isDenied(key) ? Promise.reject(denied(key)) : reader.read(key, options);
  return { ...reader, read };
}

test('one object that is denied leaves its backup unchecked, and the others judged', async () => {
  const world = await veleroWorld();
  const reader = denying(world, (key) => key.endsWith('platform-manual.tar.gz'));
  const report = await world.run({ location: { reader } });
  expect(report.errors).toBeUndefined();
  expect(findingOf(report, 'BACKUPS_UNREAD').message).toContain('platform-manual');
  expect(verdictsOf(report).get('platform-manual')).toBe('unchecked');
  expect(codesOf(report, 'backups/platform-manual')).toEqual([]);
  expect(rowOf(report, 'shop').proven?.point).toBe('frequent-20261121105615');
  const later = await world.run();
  expect(codesOf(later)).not.toContain('BACKUPS_UNREAD');
  expect(verdictsOf(later).get('platform-manual')).toBe('verified');
});

test('a location of which no backup can be read is told once', async () => {
  const world = await veleroWorld();
  const reader = denying(world, (key) => key.startsWith('backups/'));
  const report = await world.run({ location: { reader } });
  expect(codesOf(report)).not.toContain('ARTEFACT_MISSING');
  expect(report.findings.filter(({ severity }) => severity === 'error').length).toBeLessThan(4);
});

test('a state that cannot be written is told as what it is, beside what was found', async () => {
  const world = await veleroWorld();
  const closed = (isClosed: (key: string) => boolean): ObjectStore => ({
    ...world.state,
    write: (key, body, options) =>
      isClosed(key)
        ? Promise.reject(new StoreError('denied', `Cannot write "${world.state.url}/${key}"`))
        : world.state.write(key, body, options),
  });
  const half = await world.run({ deps: { state: closed((key) => key.startsWith('evidence/')) } });
  expect(findingOf(half, 'STATE_UNUSABLE').subject).toBe(world.state.url);
  expect(rowOf(half, 'shop').proven?.point).toBe('frequent-20261121105615');
  expect(verdictsOf(half).get('platform-manual')).toBe('verified');
  const other = { ...world.location, place: { ...world.location.place, name: 'other' } };
  const locations = [world.location, other];
  const whole = await world.run({ deps: { state: closed(() => true), locations } });
  const own = whole.findings.filter(({ code }) => code.endsWith('_UNUSABLE'));
  expect(own.map(({ subject }) => subject)).toEqual([world.state.url]);
  expect(codesOf(whole)).not.toContain('LOCATION_UNREADABLE');
  expect(whole.errors).toHaveLength(2);
});

test('a root without backups is an error, and one folder too high names the right one', async () => {
  const world = await veleroWorld();
  await removeBelow(world.store, '');
  const empty = await world.run();
  expect(findingOf(empty, 'ROOT_EMPTY').severity).toBe('error');
  const above = await veleroWorld();
  const { reader } = above.location;
  const high: ObjectReader = {
    ...reader,
    async *list(prefix, options) {
      if (!prefix.startsWith('prod/')) return;
      for await (const info of reader.list(prefix.slice(5), options)) {
        yield { ...info, key: `prod/${info.key}` };
      }
    },
    async *listDirectories(prefix, options) {
      if (prefix === '') yield 'prod/';
      else if (prefix.startsWith('prod/')) yield* reader.listDirectories(prefix.slice(5), options);
    },
  };
  const report = await above.run({ location: { reader: high } });
  expect(codesOf(report)).not.toContain('ROOT_FOREIGN_FOLDER');
  expect(findingOf(report, 'ROOT_EMPTY').hint).toContain('/prod/prod"');
});

test('garbage collection half way is no damage', async () => {
  const world = await veleroWorld();
  await world.run();
  world.clock.advance(30 * 24 * 3_600_000);
  const folder = 'backups/platform-manual/';
  await removeBelow(world.store, `${folder}platform-manual`);
  const report = await world.run();
  const own = report.findings.filter(({ subject }) => subject.endsWith('platform-manual'));
  expect(own.length).toBeGreaterThan(0);
  expect(own.map(({ severity }) => severity)).not.toContain('critical');
  expect(own.map(({ severity }) => severity)).not.toContain('error');
});

test('a run that was not to read Kopia data says of no application that it is unproven', async () => {
  const world = await veleroWorld();
  const report = await world.run({ config: { rung: 'present' } });
  expect(codesOf(report)).not.toContain('NEVER_PROVEN');
  expect(rowOf(report, 'shop').newest?.rung).toBe('present');
});
