import { describe, expect, test } from 'vitest';
import {
  BLOB_DELETION_LIMITS,
  type DeletionWorld,
  deletableIndexes,
  deletablePacks,
  deletionCandidates,
} from '../../../shared/kopia/replication/blob-deletions.ts';
import type { IndexListing } from '../../../shared/kopia/replication/survey.ts';
import { entry } from '../indexes/loaded.ts';
import { type Blobs, beforeEpochs, decoded, epochs, m, n, pack, xn, xs } from './listings.ts';

const HOUR_MS = 3_600_000;
const now = new Date('2026-03-01T00:00:00Z');
const hoursAgo = (hours: number, runs = 2) => ({
  firstSeenMs: now.getTime() - hours * HOUR_MS,
  runs,
});
const filler = Array.from({ length: 100 }, (_, at) => pack(`present ${at}`));
const source = new Set(['kopia.repository', ...filler]);

function candidates(change: Partial<DeletionWorld>) {
  const limits = BLOB_DELETION_LIMITS;
  return deletionCandidates({ now, source, target: [], absent: new Map(), limits, ...change });
}

function due(ids: readonly string[], absent: DeletionWorld['absent']): readonly string[] {
  const plan = candidates({ target: [...filler, ...ids], absent });
  return plan.kind === 'candidates' ? [...plan.indexes, ...plan.packs] : [plan.reason];
}

describe('what may be thought of', () => {
  const gone = pack('gone');

  test('was absent in two completed runs, and for longer than the safety age', () => {
    expect(due([gone], new Map([[gone, hoursAgo(73)]]))).toEqual([gone]);
    expect(due([gone], new Map([[gone, hoursAgo(71)]]))).toEqual([]);
    expect(due([gone], new Map([[gone, hoursAgo(1000, 1)]]))).toEqual([]);
    expect(due([gone], new Map())).toEqual([]);
  });

  test('is not at the source', () => {
    const [present = ''] = filler;
    expect(due([], new Map([[present, hoursAgo(1000)]]))).toEqual([]);
  });

  test('is an index or a pack and nothing else', () => {
    const ids = ['kopia.blobcfg', 'udmrepo.Repository', '.storageconfig', 'somebody-s.txt', 's0'];
    expect(due(ids, new Map(ids.map((id) => [id, hoursAgo(1000)])))).toEqual([]);
  });

  test('comes in the order in which nothing revives: indexes, their logs, packs last', () => {
    const ids = [gone, 'xw3', m('log'), 'xe1', xs(1, 1), n('old'), xn(1, 1)];
    const absent = new Map(ids.map((id) => [id, hoursAgo(1000)]));
    expect(due(ids, absent)).toEqual([n('old'), m('log'), xn(1, 1), xs(1, 1), 'xe1', 'xw3', gone]);
  });

  test('indexes as they were flushed stay for 30 days', () => {
    expect(due([xn(1, 1)], new Map([[xn(1, 1), hoursAgo(29 * 24)]]))).toEqual([]);
    expect(due([xn(1, 1)], new Map([[xn(1, 1), hoursAgo(30 * 24)]]))).toEqual([xn(1, 1)]);
  });

  test('too much of it is refused', () => {
    const many = Array.from({ length: 12 }, (_, at) => pack(`gone ${at}`));
    const absent = new Map(many.map((id) => [id, hoursAgo(1000)]));
    expect(due(many, absent)).toEqual([
      '12 of 112 blobs are absent at the source, allowed is a share of 0.1',
    ]);
    const limits = { ...BLOB_DELETION_LIMITS, countMax: 11, shareMax: 1 };
    expect(candidates({ target: many, absent, limits })).toEqual({
      kind: 'refused',
      reason: '12 blobs are absent at the source, allowed are 11',
    });
  });

  test('a source without its format blob says nothing', () => {
    expect(candidates({ source: new Set(filler), target: [gone] }).kind).toBe('refused');
  });
});

describe('indexes that may go', () => {
  function deletable(ids: string[], target: IndexListing, completed: IndexListing, blobs: Blobs) {
    return deletableIndexes(ids, target, completed, decoded(blobs));
  }

  test('are those that readers do not take', () => {
    const target = epochs('xe3', xn(1, 1), xs(1, 2), xn(2, 3));
    const blobs = { [xn(1, 1)]: [entry(1)], [xs(1, 2)]: [entry(1)], [xn(2, 3)]: [entry(2)] };
    const ids = [xn(1, 1), xn(2, 3)];
    expect(deletable(ids, target, target, blobs)).toEqual([xn(1, 1)]);
  });

  test('are not those that would take the place of another', () => {
    const target = epochs('xe3', xn(1, 1), xs(1, 2));
    const blobs = { [xn(1, 1)]: [], [xs(1, 2)]: [entry(1)] };
    expect(deletable([xs(1, 2)], target, target, blobs)).toEqual([]);
    expect(deletable(['xe3'], target, target, { ...blobs, [xn(1, 1)]: [entry(2)] })).toEqual([]);
  });

  test('are those that only repeat what others say', () => {
    const target = epochs(xn(0, 1), xn(0, 2));
    const blobs = { [xn(0, 1)]: [entry(1)], [xn(0, 2)]: [entry(1), entry(2)] };
    expect(deletable([xn(0, 1), xn(0, 2)], target, target, blobs)).toEqual([xn(0, 1)]);
  });

  test('are those of a write that the source took back', () => {
    const target = epochs(xn(0, 1), xn(0, 2));
    const blobs = { [xn(0, 1)]: [entry(1)], [xn(0, 2)]: [entry(2)] };
    expect(deletable([xn(0, 2)], target, epochs(xn(0, 1)), blobs)).toEqual([xn(0, 2)]);
  });

  test('the watermark never goes back', () => {
    const target = epochs('xw10', 'xw20', xn(0, 1));
    const blobs = { [xn(0, 1)]: [entry(1)] };
    expect(deletable(['xw20', 'xw10'], target, epochs(xn(0, 1)), blobs)).toEqual(['xw10']);
  });

  test('a deletion stays while something is shown that the source does not show', () => {
    const [older, deletion] = [n('older'), n('deletion')];
    const blobs = {
      [older]: [entry(`m${'1'.repeat(32)}`)],
      [deletion]: [entry(2, { deleted: true })],
    };
    const target = beforeEpochs([older, deletion]);
    const completed = beforeEpochs([]);
    expect(deletable([deletion], target, completed, blobs)).toEqual([]);
    expect(deletable([older, deletion], target, completed, blobs)).toEqual([older, deletion]);
  });
});

test('packs may go that no effective entry names, deleted ones above the watermark included', () => {
  const at = (name: number, deleted: boolean, timeSeconds: number) =>
    entry(name, { packBlob: pack(name), deleted, timeSeconds });
  const blobs = { [xn(0, 1)]: [at(1, false, 10), at(2, true, 30), at(3, true, 10)] };
  const ids = [1, 2, 3, 4].map(pack);
  expect(deletablePacks(ids, epochs(xn(0, 1), 'xw20'), decoded(blobs))).toEqual([3, 4].map(pack));
});
