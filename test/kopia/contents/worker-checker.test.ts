import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { DIST, ROOT } from '../../../infra/build/bundle.ts';
import { checkPacks } from '../../../shared/kopia/contents/check-packs.ts';
import type {
  ContentBatch,
  ContentChecker,
} from '../../../shared/kopia/contents/content-checker.ts';
import { inProcessChecker } from '../../../shared/kopia/contents/in-process-checker.ts';
import { groupByPack } from '../../../shared/kopia/contents/pack-positions.ts';
import { workerChecker } from '../../../shared/kopia/contents/worker-checker.ts';
import { changePack, type MadeRepository, madeRepository } from './made-repository.ts';

const SOURCE = pathToFileURL(join(ROOT, 'shared/kopia/contents/worker.ts'));
/** `npm test` builds it first. */
const BUNDLE = pathToFileURL(join(DIST, 'cli/kopia-worker.mjs'));

const open: ContentChecker[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((checker) => checker.close()));
});

async function workersOf(made: MadeRepository, url = SOURCE, threads = 2) {
  const checker = await workerChecker(url, made.crypto.spec, threads);
  open.push(checker);
  return checker;
}

/** A worker that does what a test says. */
function strangeWorker(onBatch: string): URL {
  const code = `
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', () => { ${onBatch} });
    parentPort.postMessage('ready');`;
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}

function emptyBatch(): ContentBatch {
  return {
    bytes: new ArrayBuffer(16),
    positions: new Uint32Array(),
    offsets: new Uint32Array(),
    lengths: new Uint32Array(),
    originalLengths: new Uint32Array(),
    compressions: new Uint32Array(),
    hashes: new Uint8Array(),
  };
}

async function damagedRepository() {
  const made = await madeRepository(
    Array.from({ length: 12 }, (_, pack) => Array<number>(pack * 30 + 1).fill(2000)),
  );
  for (const pack of [3, 7, 11]) {
    await changePack(made, pack, (bytes) => bytes.fill(0xee, 5000 * pack, 5000 * pack + 3000));
  }
  return made;
}

async function check(made: MadeRepository, checker: ContentChecker) {
  const { store: reader, prefix, table } = made;
  const deps = { reader, prefix, table, checker };
  const packs = await Array.fromAsync(checkPacks(deps, groupByPack(table).packs()));
  return packs.sort((a, b) => a.packId - b.packId);
}

describe('workerChecker()', () => {
  test.each([
    ['the sources', SOURCE, 2],
    ['the bundle', BUNDLE, 2],
    ['one thread', SOURCE, 1],
    ['no thread', SOURCE, 0],
  ])('finds with %s what is found in process', async (_, url, threads) => {
    const made = await damagedRepository();
    const expected = await check(made, inProcessChecker(made.crypto));
    expect(expected.flatMap(({ failures }) => failures).length).toBeGreaterThan(5);
    expect(await check(made, await workersOf(made, url, threads))).toEqual(expected);
  });

  test('gives the buffer back, and takes further batches than it has threads', async () => {
    const checker = await workersOf(await madeRepository([]));
    const batches = Array.from({ length: 9 }, emptyBatch);
    const answers = await Promise.all(batches.map((batch) => checker.check(batch)));
    expect(answers).toEqual(Array(9).fill({ failures: [], bytes: new ArrayBuffer(16) }));
    // Moved, not copied.
    expect(batches.map(({ bytes }) => bytes.byteLength)).toEqual(Array(9).fill(0));
  });

  test.each([
    ['throws', 'throw new Error("out of luck");', 'out of luck'],
    ['ends', 'process.exit(9);', 'code 9'],
  ])('a worker that %s fails what is under way and whatever comes', async (_, act, message) => {
    const checker = await workersOf(await madeRepository([]), strangeWorker(act));
    const lost = { code: 'KOPIA_WORKER_LOST', message: expect.stringContaining(message) };
    const checks = Array.from({ length: 5 }, () => checker.check(emptyBatch()));
    for (const { status, reason } of (await Promise.allSettled(
      checks,
    )) as PromiseRejectedResult[]) {
      expect([status, reason]).toEqual(['rejected', expect.objectContaining(lost)]);
    }
    await expect(checker.check(emptyBatch())).rejects.toMatchObject(lost);
  });

  test('a worker that cannot start is an error with a code', async () => {
    const made = await madeRepository([]);
    const absent = new URL('absent.ts', SOURCE);
    await expect(workersOf(made, absent)).rejects.toMatchObject({ code: 'KOPIA_WORKER_LOST' });
    const spec = { ...made.crypto.spec, hash: 'MD5' };
    await expect(workerChecker(SOURCE, spec, 2)).rejects.toMatchObject({
      code: 'KOPIA_WORKER_LOST',
    });
  });

  test('closing ends a batch that never comes back, and every thread', async () => {
    const checker = await workersOf(await madeRepository([]), strangeWorker('for (;;) {}'));
    const hanging = expect(checker.check(emptyBatch())).rejects.toMatchObject({
      code: 'KOPIA_WORKER_LOST',
    });
    await checker.close();
    await hanging;
    await checker.close();
    await expect(checker.check(emptyBatch())).rejects.toMatchObject({ code: 'KOPIA_WORKER_LOST' });
  });

  test('an abort leaves the threads usable', async () => {
    const made = await damagedRepository();
    const checker = await workersOf(made);
    const { store: reader, prefix, table } = made;
    const stop = new AbortController();
    const packs = checkPacks({ reader, prefix, table, checker }, groupByPack(table).packs(), {
      signal: stop.signal,
      onProgress: (contents) => contents > 100 && stop.abort(new Error('enough')),
    });
    await expect(Array.fromAsync(packs)).rejects.toThrow('enough');
    expect(await check(made, checker)).toHaveLength(12);
  });
});
