import { describe, expect, test } from 'vitest';
import {
  DELETION_LIMITS,
  type DeletionQuestion,
  judgeDeletions,
} from '../../../shared/kopia/replication/logical-deletions.ts';

const now = new Date('2026-03-01T00:00:00Z');
const yesterday = new Date('2026-02-28T00:00:00Z');
const tomorrow = new Date('2026-03-02T00:00:00Z');
const signs = {
  live: 100,
  moved: 0,
  vanished: 0,
  packsOverwritten: 0,
  indexesUnreadable: 0,
  isOtherRepository: false,
};
const snapshots = (...ids: (string | number)[]) =>
  ids.map((id) => ({ id: `${id}`, isIncomplete: false }));
const numbered = (count: number, from = 0) =>
  snapshots(...Array.from({ length: count }, (_, at) => from + at));

function judge(change: Partial<DeletionQuestion>) {
  return judgeDeletions({
    now,
    before: [],
    after: [],
    owners: new Map(),
    signs,
    followedToday: 0,
    limits: DELETION_LIMITS,
    ...change,
  });
}

function reasons(change: Partial<DeletionQuestion>): readonly string[] {
  const verdict = judge(change);
  return verdict.kind === 'freeze' ? verdict.reasons.map(({ kind }) => kind) : [verdict.kind];
}

describe('deletions that arrive as indexes', () => {
  test('are expected where the backup has expired, or never was whole', () => {
    const before = [...snapshots('old', 'young', 'kept'), { id: 'checkpoint', isIncomplete: true }];
    const owners = new Map([
      ['old', { backup: 'nightly-1', expiresAt: yesterday }],
      ['young', { backup: 'nightly-2', expiresAt: tomorrow }],
    ]);
    expect(judge({ before, after: snapshots('kept', 'new'), owners })).toEqual({
      kind: 'follow',
      expected: ['checkpoint', 'old'],
      unexplained: ['young'],
      backups: ['nightly-1', 'nightly-2'],
    });
  });

  test('hundreds that have expired are no alarm', () => {
    const before = numbered(500);
    const owners = new Map(before.map(({ id }) => [id, { backup: id, expiresAt: yesterday }]));
    expect(judge({ before, after: [], owners })).toMatchObject({ kind: 'follow', unexplained: [] });
  });

  test('unexplained ones are followed up to a count and a share in a day', () => {
    const before = numbered(200);
    const left = (gone: number) => numbered(200 - gone, gone);
    expect(reasons({ before, after: left(10) })).toEqual(['follow']);
    expect(reasons({ before, after: left(11) })).toEqual(['count']);
    expect(reasons({ before, after: left(1), followedToday: 10 })).toEqual(['count']);
    expect(reasons({ before: numbered(20), after: numbered(18, 2) })).toEqual(['follow']);
    expect(reasons({ before: numbered(20), after: numbered(17, 3) })).toEqual(['share']);
    expect(reasons({ before: numbered(9), after: numbered(5, 4) })).toEqual(['follow']);
  });

  test('the last snapshot does not go unexplained', () => {
    expect(reasons({ before: numbered(2), after: [] })).toEqual(['nothing-left']);
  });

  test('a backup without an expiration explains nothing', () => {
    const owners = new Map([['0', { backup: 'by-hand' }]]);
    expect(judge({ before: numbered(3), after: numbered(2, 1), owners })).toMatchObject({
      kind: 'follow',
      unexplained: ['0'],
    });
  });

  test('what cannot be read on one side is not taken for deleted', () => {
    expect(judge({ before: undefined })).toEqual({ kind: 'unjudged' });
    expect(judge({ after: undefined })).toEqual({ kind: 'unjudged' });
  });
});

describe('a source that was rewritten as a whole', () => {
  test.each([
    ['other-repository', { isOtherRepository: true }],
    ['unreadable', { indexesUnreadable: 1 }],
    ['overwritten', { packsOverwritten: 1 }],
    ['rewritten', { live: 15_000, moved: 10_000 }],
  ])('freezes the route: %s', (kind, change) => {
    expect(reasons({ signs: { ...signs, ...change } })).toEqual([kind]);
  });

  test('but what maintenance rewrites does not', () => {
    expect(reasons({ signs: { ...signs, live: 9000, moved: 9000 } })).toEqual(['follow']);
    expect(reasons({ signs: { ...signs, live: 90_000, moved: 30_000 } })).toEqual(['follow']);
  });
});

describe('a frozen route', () => {
  const question = { before: numbered(100), after: numbered(50, 50) };

  function hashOf(change: Partial<DeletionQuestion>): string {
    const verdict = judge(change);
    return verdict.kind === 'freeze' ? verdict.hash : '';
  }

  test('goes on once a person agrees to this very plan', () => {
    const acknowledged = hashOf(question);
    expect(acknowledged).toMatch(/^[0-9a-f]{64}$/);
    expect(judge({ ...question, acknowledged }).kind).toBe('follow');
    expect(judge({ ...question, after: numbered(49, 51), acknowledged }).kind).toBe('freeze');
    const encrypted = { ...signs, indexesUnreadable: 1 };
    expect(judge({ ...question, signs: encrypted, acknowledged }).kind).toBe('freeze');
  });

  test('has one hash as long as the same vanishes, whatever else is written', () => {
    const later = { ...question, after: [...numbered(50, 50), ...snapshots('new')] };
    expect(hashOf(later)).toBe(hashOf(question));
  });
});
