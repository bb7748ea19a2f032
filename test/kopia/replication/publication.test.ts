import { describe, expect, test } from 'vitest';
import {
  planPublication,
  publicationOrder,
} from '../../../shared/kopia/replication/publication.ts';
import { type IndexListing, Survey } from '../../../shared/kopia/replication/survey.ts';
import { entry } from '../indexes/loaded.ts';
import {
  type Blobs,
  beforeEpochs,
  decoded,
  endangered,
  epochs,
  m,
  n,
  pack,
  xn,
  xr,
  xs,
} from './listings.ts';

function plan(source: IndexListing, target: IndexListing, blobs: Blobs, absent: readonly string[]) {
  return planPublication(source, target, endangered(blobs, absent), new Map(), new Set());
}

function stepsOf(result: ReturnType<typeof plan>): readonly (string | boolean)[][] {
  if (result.kind !== 'publish') throw new Error(`${result.kind}: ${result.blobId}`);
  return result.steps.map(({ id, isCatchingUp }) => [id, isCatchingUp]);
}

const old = (name: number, blob = 'gone') => entry(name, { packBlob: pack(blob), timeSeconds: 10 });
const rewritten = (name: number) => entry(name, { packBlob: pack('new'), timeSeconds: 20 });

describe('the order of publication', () => {
  test('markers, what readers take ascending, what is superseded, the watermark', () => {
    const ids = ['xw99', xn(4, 1), xn(3, 2), xs(2, 3), xn(2, 4), xr(0, 1), xs(1, 5), 'xe4', 'xe3'];
    const order = publicationOrder(epochs(...ids), new Map()).map(({ id }) => id);
    const [marker, next] = ['xe4', 'xe3'];
    const active = [xr(0, 1), xs(2, 3), xn(3, 2), xn(4, 1)];
    expect(order).toEqual([marker, next, ...active, xn(2, 4), xs(1, 5), 'xw99']);
  });

  test('before epochs the indexes, then the logs; what readers of epochs have is no part of it', () => {
    const listing = beforeEpochs([m('log'), `l${'0'.repeat(32)}`, n('b'), xn(0, 1), n('a')]);
    const order = publicationOrder(listing, new Map()).map(({ id }) => id);
    expect(order).toEqual([n('b'), n('a'), m('log'), `l${'0'.repeat(32)}`]);
  });

  test('of one second: data, then manifests, then what only deletes', () => {
    const [data, manifest, deletion] = [xn(0, 'z'), xn(0, 'm'), xn(0, 'a')];
    const blobs = {
      [data]: [entry(1)],
      [manifest]: [entry(`m${'1'.repeat(32)}`)],
      [deletion]: [entry(2, { deleted: true })],
    };
    const source: IndexListing = {
      view: { kind: 'epochs' },
      blobs: [deletion, manifest, data].map((id) => ({ id, lastModified: new Date(0) })),
    };
    const survey = new Survey(source, epochs());
    survey.add(decoded(blobs));
    const order = publicationOrder(source, survey.kinds).map(({ id }) => id);
    expect(order).toEqual([data, manifest, deletion]);
  });

  test('leaves out what is at the target, and what is withheld', () => {
    const source = beforeEpochs([n('a'), n('b'), m('log')]);
    const withheld = new Set([m('log')]);
    const target = beforeEpochs([n('a')]);
    const result = planPublication(source, target, endangered({}, []), new Map(), withheld);
    expect(stepsOf(result)).toEqual([[n('b'), false]]);
  });
});

describe('the loser rule', () => {
  const [first, between, last] = [xn(0, 'first'), xn(0, 'between'), xn(0, 'last')];

  test('publishes what outdoes an entry first where the pack of the entry is gone', () => {
    const blobs = { [first]: [old(1)], [between]: [entry(2)], [last]: [rewritten(1)] };
    const result = plan(epochs(first, between, last), epochs(), blobs, [pack('gone')]);
    expect(stepsOf(result)).toEqual([
      [last, true],
      [first, true],
      [between, false],
    ]);
  });

  test('is not at work where the pack is still to be had', () => {
    const blobs = { [first]: [old(1)], [last]: [rewritten(1)] };
    const result = plan(epochs(first, last), epochs(), blobs, []);
    expect(stepsOf(result)).toEqual([
      [first, false],
      [last, false],
    ]);
  });

  test('takes a deletion for what outdoes as well', () => {
    const blobs = { [first]: [old(1)], [last]: [entry(1, { timeSeconds: 20, deleted: true })] };
    const result = plan(epochs(first, last), epochs(), blobs, [pack('gone')]);
    expect(stepsOf(result).map(([id]) => id)).toEqual([last, first]);
  });

  test('brings a compaction over whole', () => {
    const [a, b] = [xs(1, 'a', 2), xs(1, 'b', 2)];
    const blobs = { [xn(0, 1)]: [old(1)], [a]: [entry(9)], [b]: [rewritten(1)] };
    const source = epochs(xn(0, 1), a, b, 'xe3');
    const result = plan(source, epochs(), blobs, [pack('gone')]);
    expect(stepsOf(result).map(([id]) => id)).toEqual(['xe3', a, b, xn(0, 1)]);
  });

  test('holds for a marker that would show what lies at the target unseen', () => {
    const blobs = { [xn(2, 1)]: [old(1)], [xn(3, 1)]: [rewritten(1)] };
    const source = epochs(xn(2, 1), xn(3, 1), 'xe2');
    const result = plan(source, epochs(xn(2, 1)), blobs, [pack('gone')]);
    expect(stepsOf(result).map(([id]) => id)).toEqual([xn(3, 1), 'xe2']);
  });

  test('lets a marker wait for a later one', () => {
    const blobs = { [xn(2, 1)]: [old(1)], [xn(4, 1)]: [rewritten(1)] };
    const source = epochs(xn(2, 1), xn(4, 1), 'xe1', 'xe3');
    const result = plan(source, epochs(xn(2, 1)), blobs, [pack('gone')]);
    expect(stepsOf(result).map(([id]) => id)).toEqual([xn(4, 1), 'xe3', 'xe1']);
  });

  test('says so when there is no way', () => {
    const [a, b] = [xn(0, 'a'), xn(0, 'b')];
    const blobs = { [a]: [old(1), rewritten(2)], [b]: [old(2), rewritten(1)] };
    const result = plan(epochs(a, b), epochs(), blobs, [pack('gone')]);
    expect(result).toEqual({ kind: 'unsafe', blobId: a, packId: pack('gone') });
  });

  test('does not wait for what was broken before, and counts it', () => {
    const blobs = { [first]: [old(1)], [last]: [entry(2)] };
    const result = plan(epochs(first, last), epochs(first), blobs, [pack('gone')]);
    expect(result).toEqual({
      kind: 'publish',
      steps: [{ id: last, isCatchingUp: false }],
      broken: 1,
    });
  });
});
