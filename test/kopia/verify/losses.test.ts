import { describe, expect, test } from 'vitest';
import type { KopiaVerification } from '../../../shared/kopia/verification.ts';
import { type KopiaWorld, kopiaWorld } from '../../support/kopia-writer/world.ts';
import { verified } from '../verified.ts';

const run = async (world: KopiaWorld, level: 'structure' | 'content') =>
  verified(await world.store(), world.prefix, world.password, { level });

const told = ({ findings }: KopiaVerification) =>
  findings.map(({ code, severity }) => `${severity} ${code}`);

describe('a content that is marked as deleted, and that a snapshot needs', () => {
  /** Two files in a pack each; the entry of the first is marked as deleted later on. */
  async function deletedInUse(stored?: (bytes: Buffer) => Buffer) {
    const world = await kopiaWorld();
    const entries = ['one', 'two'].map((text) => {
      const obj = world.content(text);
      world.closePacks();
      return { name: text, type: 'f' as const, mode: '0644', size: text.length, obj };
    });
    const [first] = entries;
    world.snapshot(world.directory('data', entries));
    world.closeManifests();
    world.closePacks();
    const rows = world.take();
    const row = rows.find(({ id }) => id === first?.obj);
    if (row === undefined) throw new Error('no entry');
    const deleted = { ...row, deleted: true, timeSeconds: row.timeSeconds + 60 };
    world.index([...rows.filter(({ id }) => id !== row.id), deleted]);
    const pack = world.blobs.get(row.packBlob);
    if (pack === undefined) throw new Error('no pack');
    if (stored === undefined) world.blobs.delete(row.packBlob);
    else world.put(row.packBlob, stored(pack.bytes));
    return world;
  }

  test.each(['structure', 'content'] as const)('is lost with its pack (%s)', async (level) => {
    const result = await run(await deletedInUse(), level);
    expect(told(result)).toContain('warning KOPIA_CONTENT_DELETED_IN_USE');
    expect(told(result)).toContain('error KOPIA_PACK_MISSING');
    expect(result.verdict.kind).toBe('damaged');
    expect(result.snapshots).toMatchObject([{ verdict: 'damaged', filesLost: 1, paths: ['one'] }]);
  });

  test('is read like a live one', async () => {
    const whole = await run(await deletedInUse((bytes) => bytes), 'content');
    expect(whole.verdict.kind).toBe('verified');
    const flipped = await deletedInUse((bytes) => Buffer.from(bytes.map((byte) => byte ^ 1)));
    expect((await run(flipped, 'structure')).verdict.kind).toBe('verified');
    const result = await run(flipped, 'content');
    expect(told(result)).toContain('error KOPIA_CONTENT_DAMAGED');
    expect(result.snapshots).toMatchObject([{ verdict: 'damaged', filesLost: 1, paths: ['one'] }]);
  });
});

describe('nothing is said to be needed by nobody that may be needed', () => {
  /** All packs with data are lost. */
  const withoutData = (world: KopiaWorld) => {
    world.flush();
    for (const name of world.blobs.keys()) if (name.startsWith('p')) world.blobs.delete(name);
  };
  const file = (name: string, obj: string, size: number) => ({
    name,
    type: 'f' as const,
    mode: '0644',
    size,
    obj,
  });

  test.each([40, 300])('one file in %i packs that are lost', async (packs) => {
    const world = await kopiaWorld();
    const parts = Array.from({ length: packs }, (_, at) => {
      const objectId = world.content(`part ${1000 + at}`);
      world.closePacks();
      return { start: at * 9, lengthBytes: 9, objectId };
    });
    const obj = world.indirect(parts);
    world.snapshot(world.directory('data', [file('large', obj, packs * 9)]));
    withoutData(world);
    const result = await run(world, 'structure');
    expect(result.snapshots).toMatchObject([{ verdict: 'damaged', filesLost: 1 }]);
    const lost = result.findings.filter(({ code }) => code === 'KOPIA_PACK_MISSING');
    expect(lost).toHaveLength(Math.min(packs, 101));
    for (const { severity, message } of lost) {
      expect(severity).toBe('error');
      expect(message).not.toMatch('no snapshot needs');
    }
  });

  test('files in more packs than are told apart', async () => {
    const world = await kopiaWorld();
    const entries = Array.from({ length: 300 }, (_, at) => {
      const obj = world.content(`file ${1000 + at}`);
      world.closePacks();
      return file(`${1000 + at}`, obj, 9);
    });
    world.snapshot(world.directory('data', entries));
    withoutData(world);
    const result = await run(world, 'structure');
    expect(result.snapshots).toMatchObject([{ verdict: 'damaged', filesLost: 300 }]);
    for (const { severity, message } of result.findings) {
      expect(severity).toBe('error');
      expect(message).not.toMatch('no snapshot needs');
    }
  });

  test('a file below a directory that is lost itself', async () => {
    const world = await kopiaWorld();
    const entry = file('below', world.content('below'), 5);
    world.closePacks();
    const sub = world.directory('sub', [entry]);
    const [lost] = world.closePacks();
    world.snapshot(world.directory('data', [sub]));
    withoutData(world);
    world.blobs.delete(lost ?? '');
    const result = await run(world, 'structure');
    expect(result.verdict.kind).toBe('damaged');
    const packs = result.findings.filter(({ code }) => code === 'KOPIA_PACK_MISSING');
    expect(packs.map(({ severity }) => severity)).toEqual(['error', 'error']);
    for (const { message } of packs) expect(message).not.toMatch('no snapshot needs');
  });

  test('and a summary that counts backwards hides no loss', async () => {
    const world = await kopiaWorld();
    const sub = world.directory('sub', [file('below', world.content('below'), 5)]);
    const [lost = '', other = ''] = world.closePacks();
    if (sub.summ) sub.summ.files = -9;
    world.snapshot(world.directory('data', [sub]));
    world.flush();
    world.blobs.delete(lost.startsWith('q') ? lost : other);
    const result = await run(world, 'structure');
    expect(result.snapshots).toMatchObject([{ verdict: 'damaged', filesLost: 1 }]);
  });

  test('and a pack that nobody needs is a warning', async () => {
    const world = await kopiaWorld();
    world.content('orphan');
    const [orphan = ''] = world.closePacks();
    world.snapshot(world.tree({ 'a.txt': 'hello' }));
    world.flush();
    world.blobs.delete(orphan);
    const result = await run(world, 'content');
    expect(result.verdict.kind).toBe('verified');
    expect(told(result)).toEqual(['warning KOPIA_PACK_MISSING']);
  });
});
