import { describe, expect, test } from 'vitest';
import { VERIFY_DEFAULTS } from '../../shared/config/config.ts';
import type { ClusterClaim } from '../../shared/velero/cluster/velero-cluster.ts';
import { applicationsOf, type ProtectedApplication } from '../../shared/verify/applications.ts';
import type { LocationQuestion } from '../../shared/verify/judge.ts';
import { judgePoints } from '../../shared/verify/judge-points.ts';
import { leftOut } from '../../shared/verify/selected.ts';
import { contents, facts, resource } from './facts.ts';
import { PLACE } from './world.ts';

const DAYS = [20, 21, 22, 23, 24];
const claim = (name: string) => ({ namespace: 'shop', name, labels: [], isBound: true });

/** A backup of that day, with these claims. */
function backup(day: number, names: readonly string[], hasSelector = false) {
  const name = `b${day}`;
  const startedAt = `2026-11-${day}T02:00:00Z`;
  return facts({
    backup: name,
    resource: resource({ name, startedAt, hasSelector }),
    contents: contents({ claims: names.map(claim) }),
  });
}

const BOTH = ['data', 'db'];
const all = DAYS.map((day) => backup(day, BOTH));
const shop = applicationsOf(undefined, [], all, undefined, 1)[0] as ProtectedApplication;

describe('a backup that a selector cut', () => {
  test('leaves out what the ones beside it have', () => {
    expect(leftOut(shop, backup(22, ['data'], true), all)).toEqual(['shop/db']);
    expect(leftOut(shop, backup(25, ['data'], true), all)).toEqual(['shop/db']);
    expect(leftOut(shop, backup(19, [], true), all)).toEqual(['shop/data', 'shop/db']);
  });

  test('leaves out nothing where it holds the same, or nothing else says more', () => {
    expect(leftOut(shop, backup(22, BOTH, true), all)).toEqual([]);
    const others = [backup(20, BOTH), backup(21, ['data']), backup(23, BOTH, true)];
    expect(leftOut(shop, backup(22, ['data'], true), others)).toEqual([]);
    expect(leftOut(shop, backup(22, ['data'], true), [])).toEqual([]);
  });

  test('and no other one', () => {
    expect(leftOut(shop, backup(22, ['data']), all)).toEqual([]);
  });
});

const question: LocationQuestion = {
  place: PLACE,
  url: 's3://backups',
  root: {
    backups: new Map(),
    foreignFolders: [],
    nestedRoots: [],
    repositories: [],
    resticNamespaces: [],
    strayObjects: { count: 0, examples: [] },
  },
  facts: all,
  isComplete: true,
  tampered: [],
  unread: new Map(),
  keysUnchecked: [],
  previous: undefined,
  cluster: undefined,
  repositories: new Map(),
  home: { location: 'main' },
  answers: new Map(),
  settings: undefined,
  source: undefined,
  isReplica: false,
  others: [],
  config: {
    settings: VERIFY_DEFAULTS,
    unprotected: [],
    rung: 'intact',
    dryRun: false,
    version: '0.0.0',
  },
  now: new Date('2026-11-25T12:00:00Z'),
};

test('such a backup is no proven point, unless the cluster says that it holds all claims', () => {
  const cut = backup(25, ['data'], true);
  const whyOf = (claims: readonly ClusterClaim[] | undefined) =>
    judgePoints(
      { ...question, facts: [...all, cut] },
      { findings: [], schedules: undefined, claims, deleting: new Set<string>(), unchecked: [] },
    )
      .standings.find(({ standing }) => standing.backup === 'b25')
      ?.standing.why.join();
  const lacks =
    'a selector chose what it holds, and it lacks "shop/db", which a backup beside it has';
  expect(whyOf(undefined)).toContain(lacks);
  const own = { namespace: 'shop', name: 'data', labels: new Map(), createdAt: undefined };
  expect(whyOf([{ ...own, phase: 'Bound' }])).not.toContain('selector');
});

test('a replica gets the time that the backups of its source usually take, and that of the copy', () => {
  const slow = all.map((each) => {
    const completedAt = each.resource?.startedAt?.replace('T02', 'T07');
    return {
      ...each,
      resource: { ...resource(), ...each.resource, completedAt: completedAt ?? '' },
    };
  });
  const cluster = {
    findings: [],
    schedules: undefined,
    claims: undefined,
    deleting: new Set<string>(),
    unchecked: [],
  };
  const [row] = judgePoints({ ...question, facts: slow, isReplica: true }, cluster).rows;
  expect(row?.breachAfterHours).toBe(24 + 5 + 1 + 2);
});
