import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { CHAIN_HEAD } from '../../shared/ledger/evidence-record.ts';
import { FIRST_SIGHT } from '../../shared/ledger/first-sight.ts';
import { LADDER, LOCATION_LOOK, REPOSITORY_LOOK } from '../../shared/ledger/location-look.ts';
import { type RecordKind, readRecord, swapRecord } from '../../shared/ledger/record.ts';
import { VERIFY_RUN } from '../../shared/ledger/verify-run.ts';
import type { World } from '../verify/world.ts';
import { entriesOf, present, smallWorld, stateOf } from './job-world.ts';

/** Every kind of record that a run reads, as a real run left it. */
const KINDS = {
  look: /^looks\/[0-9a-f]{32}\.json$/,
  'look at a repository': /^looks\/[0-9a-f]{32}\/[0-9a-f]{32}\.json$/,
  ladder: /^ladders\//,
  run: /^checkpoints\/verify-/,
  'first sight': /^first-sight\//,
  'head of the chain': /head\.json$/,
} as const;

interface Envelope {
  readonly schemaVersion: number;
  readonly kind: string;
  readonly nonce: string;
  readonly value: unknown;
}

let world: World;
let entries: ReadonlyMap<string, Buffer>;

beforeAll(async () => {
  world = await smallWorld();
  await world.run(present());
  entries = await entriesOf(world.state);
});

function keyOf(kind: keyof typeof KINDS): string {
  const found = [...entries.keys()].find((key) => KINDS[kind].test(key));
  if (found === undefined) throw new Error(`no ${kind} among ${[...entries.keys()].join(', ')}`);
  return found;
}

function envelopeAt(key: string): Envelope {
  return JSON.parse(entries.get(key)?.toString() ?? '');
}

/** A run on the ledger with one record changed: how it ended, and whether that record is as it was put. */
async function runWith(key: string, text: string) {
  const state = await stateOf(new Map([...entries, [key, Buffer.from(text)]]), world);
  // Backups are read again, so that their first sights are asked for.
  if (key.startsWith('first-sight/')) {
    for (const each of entries.keys()) if (each.startsWith('looks/')) await state.remove(each);
  }
  const config = { rung: key.startsWith('looks/') ? 'present' : 'reported' } as const;
  const { errors } = await world.run({ config, deps: { state } });
  const ended = errors?.[0]?.code ?? 'done';
  return { ended, isKept: (await entriesOf(state)).get(key)?.toString() === text };
}

describe.each(Object.keys(KINDS) as (keyof typeof KINDS)[])('the %s', (kind) => {
  test('of a later Drydock stops the run, and is not written over', async () => {
    const key = keyOf(kind);
    const envelope = envelopeAt(key);
    const later = { ...envelope, schemaVersion: envelope.schemaVersion + 1 };
    const text = JSON.stringify(later);
    expect(await runWith(key, text)).toEqual({ ended: 'RECORD_NEWER', isKept: true });
  });

  test('with members that this Drydock has no name for is read: a release can be rolled back', async () => {
    const key = keyOf(kind);
    const envelope = envelopeAt(key);
    const value = { ...(envelope.value as object), addedLater: { by: ['somebody'] } };
    expect((await runWith(key, JSON.stringify({ ...envelope, value }))).ended).toBe('done');
  });

  test.each([
    ['is cut off', (text: string) => text.slice(0, text.length / 2)],
    ['is empty', () => ''],
    ['is of another kind', (text: string) => text.replace(/"kind": ?"[^"]*"/, '"kind": "other"')],
    ['has no value', (text: string) => JSON.stringify({ ...JSON.parse(text), value: null })],
  ])('that %s stops the run, and stays for whoever looks at it', async (_, damage) => {
    const key = keyOf(kind);
    const text = damage(entries.get(key)?.toString() ?? '');
    expect(await runWith(key, text)).toEqual({ ended: 'RECORD_DAMAGED', isKept: true });
  });
});

/** Of a Drydock that is still to come. */
function next<T>(kind: RecordKind<T>): RecordKind<T> {
  const upgrade = (value: unknown) => ({ ...(value as object), addedLater: true });
  return { ...kind, schemaVersion: kind.schemaVersion + 1, upgrade };
}

test.each([
  ['look', LOCATION_LOOK],
  ['look at a repository', REPOSITORY_LOOK],
  ['ladder', LADDER],
  ['run', VERIFY_RUN],
  ['first sight', FIRST_SIGHT],
  ['head of the chain', CHAIN_HEAD],
] as const)(
  'the %s is upgraded as it is read, and can be rolled back until it is written',
  async (name, kind) => {
    const own: RecordKind<unknown> = kind;
    const key = keyOf(name);
    const state = await stateOf(entries, world);
    const read = await readRecord(state, key, next(own));
    expect(read?.value).toMatchObject({ addedLater: true });
    expect((await entriesOf(state)).get(key)).toEqual(entries.get(key));
    expect((await readRecord(state, key, own))?.value).toEqual(envelopeAt(key).value);
    const written = { value: read?.value, nonce: 'next', previousEtag: read?.etag };
    await swapRecord(state, key, next(own), written);
    await expect(readRecord(state, key, own)).rejects.toMatchObject({ code: 'RECORD_NEWER' });
  },
);

/** What a judgement would believe, or stumble over. */
test.each<readonly [string, (look: LooseLook) => unknown]>([
  ['a proof without a time', (look) => Object.assign(look.marks[0] ?? {}, { provenAt: 'soon' })],
  ['a proof of no rung', (look) => Object.assign(look.marks[0] ?? {}, { rung: 'gold' })],
  [
    'a backup that is whole in no sense',
    (look) => Object.assign(look.backups[0] ?? {}, { isWhole: 1 }),
  ],
  ['a backup without volumes', (look) => Object.assign(look.backups[0] ?? {}, { volumes: {} })],
  [
    'a backup with half an object',
    (look) => Object.assign(look.backups[0] ?? {}, { objects: [{}] }),
  ],
  ['a backup that is nothing', (look) => look.backups.push(null)],
  ['another location', (look) => Object.assign(look, { location: 's3://other/velero' })],
])('a look with %s is damaged', async (_, damage) => {
  const key = keyOf('look');
  const envelope = envelopeAt(key);
  damage(envelope.value as LooseLook);
  expect(await runWith(key, JSON.stringify(envelope))).toEqual({
    ended: 'RECORD_DAMAGED',
    isKept: true,
  });
});

test('a look at a repository under the key of another one is damaged', async () => {
  const [one, other] = [...entries.keys()].filter((key) => KINDS['look at a repository'].test(key));
  if (one === undefined || other === undefined) throw new Error('one repository alone');
  const text = entries.get(other)?.toString() ?? '';
  expect(await runWith(one, text)).toEqual({ ended: 'RECORD_DAMAGED', isKept: true });
});

interface LooseLook {
  readonly marks: object[];
  readonly backups: (object | null)[];
}

describe('a record in which anything is anything else', () => {
  const value = fc.oneof(
    fc.constantFrom<unknown>(undefined, null, '', 'x', 0, -1, 1e21, true, [], {}, [null], '2026'),
    fc.jsonValue({ maxDepth: 2 }),
  );
  const change = fc.record({
    kind: fc.constantFrom(...(Object.keys(KINDS) as (keyof typeof KINDS)[])),
    // Which of the children to step into, until there is none or the walk ends.
    path: fc.array(fc.nat(), { minLength: 1, maxLength: 8 }),
    value,
  });

  /** Replaces, or with `undefined` removes, what lies where the path ends. */
  function changed(at: unknown, [step = 0, ...rest]: readonly number[], by: unknown): unknown {
    if (typeof at !== 'object' || at === null) return by;
    const names = Object.keys(at);
    const name = names[step % Math.max(names.length, 1)];
    if (name === undefined) return by;
    const child = (at as Record<string, unknown>)[name];
    const next = rest.length === 0 ? by : changed(child, rest, by);
    if (!Array.isArray(at)) return { ...at, [name]: next };
    return next === undefined ? at.toSpliced(Number(name), 1) : at.with(Number(name), next);
  }

  test('ends the run as damaged or newer, or the run takes it for what it says', async () => {
    await fc.assert(
      fc.asyncProperty(change, async ({ kind, path, value: by }) => {
        const key = keyOf(kind);
        const text = JSON.stringify(changed(envelopeAt(key), path, by)) ?? '';
        const { ended } = await runWith(key, text);
        expect(['done', 'RECORD_DAMAGED', 'RECORD_NEWER']).toContain(ended);
      }),
      { numRuns: 30 },
    );
  });
});
