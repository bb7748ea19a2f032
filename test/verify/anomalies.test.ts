import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BackupFacts, ResourceFacts } from '../../shared/velero/checks/backup-facts.ts';
import { shrinkFindings } from '../../shared/verify/anomalies.ts';
import { contents, facts, resource, volume } from './facts.ts';

const RULE = { fallPercent: 50, backups: 7, url: 's3://backups/prod' };

interface Measures {
  readonly items?: number;
  readonly inflated?: number;
  readonly volumes?: readonly number[];
}

function daily(
  day: number,
  { items = 100, inflated = 40_000, volumes = [1_000_000, 500_000] }: Measures = {},
  more: Partial<ResourceFacts> = {},
): BackupFacts {
  const backup = `daily-202611${String(day).padStart(2, '0')}020000`;
  const startedAt = `2026-11-${String(day).padStart(2, '0')}T02:00:05Z`;
  return facts({
    backup,
    resource: resource({ name: backup, startedAt, items, ...more }),
    contents: contents({ inflatedSizeBytes: inflated }),
    volumes: volumes.map((sizeBytes, index) => volume({ id: `shop/data-${index}`, sizeBytes })),
  });
}

const BEFORE = [daily(1), daily(2), daily(3), daily(4)];
const codes = (list: readonly BackupFacts[]) => shrinkFindings(list, RULE).map(({ code }) => code);

describe('the newest backup of a schedule', () => {
  test.each([
    ['items', { items: 49 }, 'items fell by 51 %, from 100 to 49'],
    ['the tarball', { inflated: 100 }, 'bytes of the tarball fell by 99 %, from 40000 to 100'],
    ['volumes', { volumes: [700_000] }, 'bytes of volumes fell by 53 %, from 1500000 to 700000'],
    ['all volumes', { volumes: [] }, 'bytes of volumes fell by 100 %, from 1500000 to 0'],
  ])('that lost %s is found', (_, measures, text) => {
    const [shrank, ...others] = shrinkFindings([daily(5, measures), ...BEFORE], RULE);
    expect(others).toEqual([]);
    expect(shrank).toMatchObject({
      code: 'BACKUP_SHRANK',
      severity: 'warning',
      subject: 's3://backups/prod schedule daily',
      message: `"daily-20261105020000" is smaller than the 4 backups before it: ${text}`,
      evidence: { newest: 'daily-20261105020000' },
    });
  });

  test('alone raises it: a small one in between is history', () => {
    expect(codes([...BEFORE, daily(5, { items: 1 }), daily(6)])).toEqual([]);
  });

  test('is compared with those that were to take the same namespaces, in any order', () => {
    const few = { includedNamespaces: ['shop', 'billing'] };
    const [one, two] = [
      { includedNamespaces: ['billing', 'shop'] },
      { includedNamespaces: ['shop'] },
    ];
    const before = [1, 2, 3].map((day) => daily(day, {}, few));
    expect(codes([...before, daily(5, { items: 1 }, one)])).toEqual(['BACKUP_SHRANK']);
    expect(codes([...before, daily(5, { items: 1 }, two)])).toEqual([]);
    const all = daily(5, { items: 1 }, { includedNamespaces: [] });
    expect(codes([...BEFORE, all])).toEqual(['BACKUP_SHRANK']);
  });

  test('needs three before it, of its own schedule, complete and not failed', () => {
    const small = daily(9, { items: 1 });
    const [one, two, three] = [daily(1), daily(2), daily(3)];
    expect(codes([one, two, small])).toEqual([]);
    expect(codes([one, two, three, small])).toEqual(['BACKUP_SHRANK']);
    expect(codes([one, two, daily(3, {}, { schedule: 'other' }), small])).toEqual([]);
    expect(codes([one, two, daily(3, {}, { phase: 'Failed' }), small])).toEqual([]);
    expect(codes([one, two, { ...three, completeness: 'unfinished' }, small])).toEqual([]);
    expect(codes([one, two, three, { ...small, completeness: 'unfinished' }])).toEqual([]);
  });

  test('whose sizes are not all known is not judged by them', () => {
    const small = daily(5, { volumes: [1] });
    const [first] = small.volumes;
    if (first === undefined) throw new Error('no volume');
    const { sizeBytes, ...unsized } = first;
    expect(sizeBytes).toBe(1);
    expect(codes([...BEFORE, small])).toEqual(['BACKUP_SHRANK']);
    expect(codes([...BEFORE, { ...small, volumes: [unsized] }])).toEqual([]);
    expect(codes([...BEFORE, { ...small, unreadVolumeLists: ['x'] }])).toEqual([]);
    const { contents: _, ...unread } = daily(5, { inflated: 1 });
    expect(codes([...BEFORE, unread])).toEqual([]);
  });
});

test('what stays within the share is never found, whatever the order, and what falls below always', () => {
  const world = fc.record({
    before: fc.array(fc.integer({ min: 1_000, max: 1_999 }), { minLength: 3, maxLength: 12 }),
    calm: fc.integer({ min: 1_000, max: 5_000 }),
    low: fc.integer({ min: 0, max: 499 }),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(world, ({ before, calm, low, seed }) => {
      const older = before.map((items, index) => daily(index + 1, { items }));
      const turned = (newest: number) => {
        const list = [...older, daily(28, { items: newest })];
        const at = seed % list.length;
        return [...list.slice(at), ...list.slice(0, at)];
      };
      expect(codes(turned(calm))).toEqual([]);
      expect(codes(turned(low))).toEqual(['BACKUP_SHRANK']);
    }),
  );
});
