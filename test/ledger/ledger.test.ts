import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { readCheckpoint, writeCheckpoint } from '../../shared/ledger/checkpoint.ts';
import { leaseKey } from '../../shared/ledger/keys.ts';
import { acquireLease } from '../../shared/ledger/lease.ts';
import { type RecordKind, readRecord, swapRecord } from '../../shared/ledger/record.ts';
import { bytesBody } from '../../shared/stores/checksum.ts';
import { memoryStore } from '../../shared/stores/memory.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { StoreError } from '../../shared/stores/store-error.ts';
import { fakeClock } from '../support/clock.ts';

const NOTE: RecordKind<{ text: string }> = {
  kind: 'note',
  schemaVersion: 2,
  parse(value) {
    const note = value as { text?: unknown };
    if (typeof note.text !== 'string') throw new TypeError('no text');
    return { text: note.text };
  },
};
const owner = { name: 'a@here', host: 'here', processId: 1 };

function setUp() {
  const clock = fakeClock();
  const state = memoryStore('state', clock);
  const deps = { state, clock, uniqueId: randomUUID, isRunning: () => undefined };
  return { clock, state, deps };
}
const put = (store: ObjectStore, key: string, text: string) =>
  store.write(key, bytesBody(Buffer.from(text)), { sizeBytes: Buffer.byteLength(text) });

describe('records', () => {
  test('a write that lost says so, also when what won is another one as soon as it is looked at', async () => {
    const { state } = setUp();
    const short = { value: { text: 'a' }, nonce: '1', previousEtag: undefined };
    await swapRecord(state, 'n', NOTE, { ...short, nonce: '2' });
    const restless: ObjectStore = {
      ...state,
      async stat(key, options) {
        const info = await state.stat(key, options);
        await put(state, 'n', 'x'.repeat(1000));
        return info;
      },
    };
    expect(await swapRecord(restless, 'n', NOTE, short)).toBeUndefined();
  });

  test('come back as they were written and are swapped by version', async () => {
    const { state } = setUp();
    expect(await readRecord(state, 'n', NOTE)).toBeUndefined();
    const value = { text: 'first' };
    const etag = await swapRecord(state, 'n', NOTE, { value, nonce: '1', previousEtag: undefined });
    expect(await readRecord(state, 'n', NOTE)).toEqual({ value, etag });
    const late = { value: { text: 'late' }, nonce: '2', previousEtag: undefined };
    expect(await swapRecord(state, 'n', NOTE, late)).toBeUndefined();
    const next = { value: { text: 'second' }, nonce: '3', previousEtag: etag };
    expect(await swapRecord(state, 'n', NOTE, next)).toBeDefined();
    expect(await swapRecord(state, 'n', NOTE, { ...next, nonce: '4' })).toBeUndefined();
  });

  test('recognise their own write when its answer was lost', async () => {
    const { state } = setUp();
    const lossy: ObjectStore = {
      ...state,
      async write(key, body, options) {
        await state.write(key, body, options);
        throw new StoreError('unreachable', 'Cannot hear the answer');
      },
    };
    const next = { value: { text: 'landed' }, nonce: '1', previousEtag: undefined };
    expect(await swapRecord(lossy, 'n', NOTE, next)).toBeDefined();
    const silent: ObjectStore = {
      ...state,
      write: () => Promise.reject(new StoreError('unreachable', 'Cannot reach')),
    };
    const lost = swapRecord(silent, 'other', NOTE, next);
    await expect(lost).rejects.toMatchObject({ code: 'unreachable' });
  });

  test('of a later Drydock are refused, not guessed', async () => {
    const { state } = setUp();
    const record = { schemaVersion: 3, kind: 'note', nonce: '1', value: { text: 'x' } };
    await put(state, 'n', JSON.stringify(record));
    const read = readRecord(state, 'n', NOTE);
    await expect(read).rejects.toMatchObject({ code: 'RECORD_NEWER', failure: 'refused' });
  });

  test.each([
    '',
    '{',
    'null',
    '[]',
    '{"schemaVersion":1}',
    '{"schemaVersion":1,"kind":"lease","nonce":"1"}',
    '{"schemaVersion":1,"kind":"note","nonce":"1","value":{}}',
  ])('that are damaged (%s) are refused, never taken for absent', async (text) => {
    const { state } = setUp();
    await put(state, 'n', text);
    await expect(readRecord(state, 'n', NOTE)).rejects.toMatchObject({ code: 'RECORD_DAMAGED' });
  });

  test('that cannot be read are not absent', async () => {
    const { state } = setUp();
    const denied: ObjectStore = {
      ...state,
      read: () => Promise.reject(new StoreError('denied', 'Cannot read')),
    };
    await expect(readRecord(denied, 'n', NOTE)).rejects.toMatchObject({ code: 'denied' });
  });
});

describe('schema versions', () => {
  /** The same kind in three releases: a text, a list of texts, a list and a language. */
  const V1: RecordKind<{ text: string }> = { ...NOTE, schemaVersion: 1 };
  interface Texts {
    readonly texts: readonly string[];
  }
  const V2: RecordKind<Texts> = {
    kind: 'note',
    schemaVersion: 2,
    parse(value) {
      const { texts } = value as { texts?: unknown };
      if (!Array.isArray(texts)) throw new TypeError('no texts');
      return { texts };
    },
    upgrade: (value) => ({ texts: [(value as { text: string }).text] }),
  };
  const V3: RecordKind<Texts> = {
    ...V2,
    schemaVersion: 3,
    upgrade: (value, from) => (from === 1 ? V2.upgrade?.(value, 1) : value),
  };

  test('that are older are upgraded, and the record stays until it is next changed', async () => {
    const { state } = setUp();
    const first = { value: { text: 'a' }, nonce: '1', previousEtag: undefined };
    await swapRecord(state, 'n', V1, first);
    for (const kind of [V2, V3]) {
      expect((await readRecord(state, 'n', kind))?.value).toEqual({ texts: ['a'] });
    }
    // Rolled back before anything was written: as if the newer one had never been there.
    expect((await readRecord(state, 'n', V1))?.value).toEqual({ text: 'a' });
  });

  test('that are newer are refused after a rollback, and never written over', async () => {
    const { state } = setUp();
    await swapRecord(state, 'n', V1, { value: { text: 'a' }, nonce: '1', previousEtag: undefined });
    const read = await readRecord(state, 'n', V2);
    const value = { texts: [...(read?.value.texts ?? []), 'b'] };
    await swapRecord(state, 'n', V2, { value, nonce: '2', previousEtag: read?.etag });
    await expect(readRecord(state, 'n', V1)).rejects.toMatchObject({ code: 'RECORD_NEWER' });
    const late = { value: { text: 'c' }, nonce: '3', previousEtag: undefined };
    expect(await swapRecord(state, 'n', V1, late)).toBeUndefined();
    expect((await readRecord(state, 'n', V3))?.value).toEqual(value);
  });

  test.each([0, -1, 1.5, '2', null])('that are none (%s) are damage', async (schemaVersion) => {
    const { state } = setUp();
    const record = { schemaVersion, kind: 'note', nonce: '1', value: { text: 'x' } };
    await put(state, 'n', JSON.stringify(record));
    await expect(readRecord(state, 'n', V2)).rejects.toMatchObject({ code: 'RECORD_DAMAGED' });
  });

  test('without a way up are damage, not a guess', async () => {
    const { state } = setUp();
    await swapRecord(state, 'n', V1, { value: { text: 'a' }, nonce: '1', previousEtag: undefined });
    await expect(readRecord(state, 'n', NOTE)).rejects.toMatchObject({ code: 'RECORD_DAMAGED' });
  });
});

describe('the size of a record', () => {
  const next = (bytes: number) => ({
    value: { text: 'x'.repeat(bytes) },
    nonce: '1',
    previousEtag: undefined,
  });

  test('is capped before it is read, and what could not be read again is not written', async () => {
    const { state } = setUp();
    await put(state, 'n', 'x'.repeat(300 * 1024));
    await expect(readRecord(state, 'n', NOTE)).rejects.toThrow('it is too large');
    const writing = swapRecord(state, 'm', NOTE, next(300 * 1024));
    await expect(writing).rejects.toMatchObject({ code: 'RECORD_TOO_LARGE' });
    expect(await state.stat('m')).toBeUndefined();
  });

  test('may be larger where the kind says so', async () => {
    const { state } = setUp();
    const large = { ...NOTE, sizeBytesMax: 1024 * 1024 };
    expect(await swapRecord(state, 'n', large, next(300 * 1024))).toBeDefined();
    expect((await readRecord(state, 'n', large))?.value.text).toHaveLength(300 * 1024);
  });
});

describe('a damaged record', () => {
  test('is not quoted by what says so', async () => {
    const { state } = setUp();
    const canary = 'canary-5ecre7';
    for (const text of [canary, `{"${canary}`, `{"kind":"${canary}"}`]) {
      await put(state, 'n', text);
      const error: unknown = await readRecord(state, 'n', NOTE).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'RECORD_DAMAGED' });
      const told = error instanceof Error ? `${error.stack} ${String(error.cause)}` : '';
      expect(told).not.toContain(canary);
    }
  });
});

describe('lease', () => {
  test('of a crashed holder waits for a clock that is ahead, and for no longer', async () => {
    const { deps, clock } = setUp();
    const second = { ...owner, name: 'second' };
    // Killed: nobody renews it any more.
    const first = await acquireLease(
      { ...deps, clock: { now: clock.now, sleep: () => new Promise(() => undefined) } },
      't',
      owner,
    );
    expect(first.signal.aborted).toBe(false);
    const skewed = (ms: number) => ({
      ...deps,
      clock: { ...clock, now: () => new Date(clock.now().getTime() + ms) },
    });
    clock.advance(80_000);
    // Its end has come by this clock, which may be wrong by half a minute.
    await expect(acquireLease(skewed(30_000), 't', second)).rejects.toThrow(/a@here/);
    await expect(acquireLease(skewed(-3_600_000), 't', second)).rejects.toThrow(/a@here/);
    clock.advance(40_001);
    const lease = await acquireLease(deps, 't', second);
    expect(() => first.check()).toThrow(/Cannot keep the lease/);
    await lease.release();
  });

  test('goes to exactly one of 20 racers', async () => {
    const { deps, state } = setUp();
    const racers = Array.from({ length: 20 }, (_, at) =>
      acquireLease(deps, 'azblob://a/b', { name: `racer ${at}`, host: 'h', processId: at }),
    );
    const outcomes = await Promise.allSettled(racers);
    const won = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    expect(won).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason.code).toBe('LEASE_HELD');
    }
    await won[0]?.value.release();
    expect(await state.stat(leaseKey('azblob://a/b'))).toBeUndefined();
  });

  test('is renewed for as long as it is held', async () => {
    const { deps, clock } = setUp();
    const lease = await acquireLease(deps, 't', owner);
    for (let turn = 0; turn < 20; turn += 1) {
      clock.advance(20_000);
      await new Promise((resolve) => setImmediate(resolve));
      lease.check();
    }
    const second = acquireLease(deps, 't', { ...owner, name: 'second' });
    await expect(second).rejects.toThrow(/a@here/);
    await lease.release();
    await (await acquireLease(deps, 't', { ...owner, name: 'second' })).release();
  });

  test('is lost, and says so, when the state cannot be reached until its end', async () => {
    const { deps, clock, state } = setUp();
    let isDown = false;
    const flaky: ObjectStore = {
      ...state,
      write: (key, body, options) =>
        isDown
          ? Promise.reject(new StoreError('unreachable', 'Cannot reach'))
          : state.write(key, body, options),
    };
    const lease = await acquireLease({ ...deps, state: flaky }, 't', owner);
    isDown = true;
    for (let turn = 0; turn < 4; turn += 1) {
      clock.advance(20_000);
      await new Promise((resolve) => setImmediate(resolve));
      lease.check();
    }
    clock.advance(20_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(() => lease.check()).toThrow(/Cannot keep the lease/);
    expect(lease.signal.aborted).toBe(true);
    await lease.release();
  });

  test('is lost at its end also while a renewal gets no answer', async () => {
    const { deps, clock, state } = setUp();
    let answer: ((error: Error) => void) | undefined;
    const silent: ObjectStore = {
      ...state,
      write: (key, body, options) =>
        options.condition === 'absent'
          ? state.write(key, body, options)
          : new Promise((_, reject) => {
              answer = reject;
            }),
    };
    const lease = await acquireLease({ ...deps, state: silent }, 't', owner);
    for (let turn = 0; turn < 5; turn += 1) {
      clock.advance(20_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    // Nobody asked: a transfer under way learns it by the signal alone.
    expect(lease.signal.aborted).toBe(true);
    answer?.(new StoreError('unreachable', 'Cannot reach'));
    await lease.release();
  });

  test('does not remove what somebody else took over', async () => {
    const { deps, clock, state } = setUp();
    const first = await acquireLease(deps, 't', owner);
    const second = await acquireLease({ ...deps, isRunning: () => false }, 't', {
      ...owner,
      name: 'b',
    });
    clock.advance(21_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(first.signal.aborted).toBe(true);
    await first.release();
    expect(await state.stat(leaseKey('t'))).toBeDefined();
    await second.release();
  });
});

describe('checkpoint', () => {
  test('is kept per pair of places', async () => {
    const { state } = setUp();
    const value = {
      source: 's3://a',
      target: 'azblob://b/c',
      lastCompletedAt: undefined,
      firstStartedAt: '2025-12-31T00:00:00.000Z',
      lastStartedAt: '2026-01-01T00:00:00.000Z',
    };
    expect(await readCheckpoint(state, 's3://a', 'azblob://b/c')).toBeUndefined();
    expect(await writeCheckpoint(state, value, '1')).toBe(true);
    expect(await readCheckpoint(state, 's3://a', 'azblob://b/c')).toEqual({
      source: value.source,
      target: value.target,
      firstStartedAt: value.firstStartedAt,
      lastStartedAt: value.lastStartedAt,
    });
    expect(await readCheckpoint(state, 's3://a', 'azblob://b/other')).toBeUndefined();
  });
});
