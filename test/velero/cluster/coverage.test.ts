import { describe, expect, test } from 'vitest';
import type { Finding } from '../../../shared/model/finding.ts';
import type { BackupFacts } from '../../../shared/velero/checks/backup-facts.ts';
import { claimFindings } from '../../../shared/velero/cluster/claim-findings.ts';
import { coverageFindings } from '../../../shared/velero/cluster/coverage-findings.ts';
import type { VeleroCluster } from '../../../shared/velero/cluster/velero-cluster.ts';
import { clusterWith, denied, told } from './twins.ts';
import { LATER, storedFacts, URL } from './world.ts';

const stored = await storedFacts();

/** The schedule of the fixture, which runs and takes `template`. */
function scheduled(template: object, spec: object = {}): VeleroCluster {
  return clusterWith('schedules', 'frequent', (schedule) => {
    schedule.spec = { ...schedule.spec, paused: false, template, ...spec };
  });
}

function found(cluster: VeleroCluster, unprotected: readonly string[] = []): readonly Finding[] {
  return coverageFindings({ cluster, unprotected, url: URL });
}

const brief = (findings: readonly Finding[]) =>
  findings.map(({ code, subject }) => `${code} ${subject.slice(`${URL} namespace `.length)}`);
const ALL = ['archive', 'billing', 'media', 'platform'].map(
  (name) => `NAMESPACE_UNSCHEDULED ${name}`,
);

describe('namespaces that no schedule takes', () => {
  test('are all of them while the only schedule is paused or refused', () => {
    expect(brief(found(clusterWith()))).toEqual(ALL);
    const refused = clusterWith('schedules', 'frequent', (schedule) => {
      schedule.spec = { ...schedule.spec, paused: false };
      schedule.status = { ...schedule.status, phase: 'FailedValidation' };
    });
    expect(brief(found(refused))).toEqual(ALL);
  });

  test('are those that its template leaves out', () => {
    const cluster = scheduled({ includedNamespaces: ['shop', 'billing', 'platform'] });
    const findings = found(cluster);
    expect(brief(findings)).toEqual([
      'NAMESPACE_UNSCHEDULED archive',
      'NAMESPACE_UNSCHEDULED media',
    ]);
    expect(findings[0]).toMatchObject({
      severity: 'error',
      message: expect.stringContaining('1 volume claim'),
      evidence: { claims: ['cold'] },
    });
    expect(brief(found(cluster, ['archive', 'media']))).toEqual([]);
  });

  test('with custom resources alone are a warning', () => {
    const findings = found(scheduled({ includedNamespaces: ['archive', 'billing', 'media'] }));
    expect(findings).toMatchObject([
      { severity: 'warning', message: expect.stringContaining('orders.shop.example.com') },
    ]);
  });

  test.each([
    ['no namespaces, which are all', {}],
    ['a star', { includedNamespaces: ['*'] }],
    ['patterns', { includedNamespaces: ['a*e', '?edia', 'bill*', '*form'] }],
    [
      'what only the server understands',
      { includedNamespaces: ['{archive,billing,media,platform}'] },
    ],
  ])('are none where the template names %s', (_, template) => {
    expect(found(scheduled(template))).toEqual([]);
  });

  test('are those whose claims the resources or selectors leave out', () => {
    const claims = (template: object) => brief(found(scheduled(template)));
    const volumes = ALL.filter((each) => !each.endsWith('platform'));
    expect(claims({ includedResources: ['configmaps'] })).toEqual(volumes);
    expect(claims({ excludedNamespaceScopedResources: ['pvc'] })).toEqual(volumes);
    expect(claims({ includedResources: ['persistentvolumeclaims'] })).toEqual([]);
    expect(claims({ labelSelector: { matchLabels: { app: 'db' } } })).toEqual(volumes);
    const absent = { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] };
    expect(claims({ labelSelector: absent })).toEqual([]);
    const either = [{ matchLabels: { app: 'db' } }, absent];
    expect(claims({ orLabelSelectors: either })).toEqual([]);
  });

  test('are not guessed: of what is not told nothing is claimed', () => {
    expect(found({ ...clusterWith(), schedules: denied })).toEqual([]);
    const blind = { ...clusterWith(), claims: denied, customResources: denied };
    expect(found(blind)).toEqual([]);
  });
});

describe('excluded namespaces', () => {
  const template = { excludedNamespaces: ['kube-system', 'velero', 'media', 'gone'] };

  test('are findings but for the four that need no backup and those that are gone', () => {
    const findings = found(scheduled(template));
    expect(brief(findings)).toEqual(['NAMESPACE_EXCLUDED media', 'NAMESPACE_UNSCHEDULED media']);
    expect(findings[0]).toMatchObject({
      severity: 'warning',
      evidence: { schedules: ['frequent'] },
    });
    expect(found(scheduled(template), ['media'])).toEqual([]);
  });

  test('stand as they are written where nobody says what namespaces there are', () => {
    const cluster = { ...scheduled(template), namespaces: denied };
    expect(brief(found(cluster))).toContain('NAMESPACE_EXCLUDED gone');
  });

  test('are worth knowing alone where another schedule takes them', () => {
    const cluster = scheduled(template);
    const other = scheduled({ includedNamespaces: ['media'] });
    if (cluster.schedules.outcome === 'unchecked' || other.schedules.outcome === 'unchecked') {
      throw new Error('the twins lost their schedules');
    }
    const [media] = other.schedules.value;
    if (media === undefined) throw new Error('the twin lost its schedule');
    const schedules = told([...cluster.schedules.value, { ...media, name: 'media' }]);
    expect(found({ ...cluster, schedules })).toMatchObject([
      {
        code: 'NAMESPACE_EXCLUDED',
        severity: 'info',
        message: expect.stringContaining('by media'),
      },
    ]);
  });
});

describe('claims that no backup contains', () => {
  const bare = (
    claims: VeleroCluster['claims'] = clusterWith().claims,
    facts: readonly BackupFacts[] = stored,
    unprotected: readonly string[] = [],
  ) => claimFindings({ claims, facts, unprotected, url: URL, now: LATER });
  const without = (name: string) =>
    stored.map((facts): BackupFacts => {
      const { contents } = facts;
      if (contents === undefined) return facts;
      return {
        ...facts,
        contents: { ...contents, claims: contents.claims.filter((each) => each.name !== name) },
      };
    });
  const claimsWith = (more: object) => {
    const { claims } = clusterWith();
    if (claims.outcome === 'unchecked') throw new Error('the twin lost its claims');
    return told(claims.value.map((each) => ({ ...each, ...more })));
  };

  test('are none of the fixture', () => {
    expect(bare()).toEqual([]);
  });

  test('are one finding for their namespace', () => {
    expect(bare(undefined, without('cold'))).toMatchObject([
      {
        code: 'CLAIM_UNPROTECTED',
        severity: 'error',
        subject: `${URL} namespace archive`,
        evidence: { claims: ['cold'] },
      },
    ]);
    expect(bare(undefined, without('cold'), ['archive'])).toEqual([]);
  });

  test('had a day, and a backup that could have taken them', () => {
    const facts = without('cold');
    expect(bare(claimsWith({ createdAt: new Date('2026-11-21T10:00:00Z') }), facts)).toEqual([]);
    expect(bare(claimsWith({ createdAt: new Date('2026-11-21T11:00:00Z') }), facts)).toEqual([]);
    expect(bare(claimsWith({ phase: 'Pending' }), facts)).toEqual([]);
  });

  test('are not guessed where claims, backups or a whole list of them are missing', () => {
    expect(bare(denied, without('cold'))).toEqual([]);
    expect(bare(undefined, [])).toEqual([]);
    const cut = without('cold').map((facts): BackupFacts => {
      const { contents } = facts;
      return contents === undefined ? facts : { ...facts, contents: { ...contents, isCut: true } };
    });
    expect(bare(undefined, cut)).toEqual([]);
  });

  test('are not contained in a backup that failed', () => {
    const failed = stored.map((facts): BackupFacts => {
      const { resource, backup } = facts;
      if (resource === undefined || backup !== 'archive-native') return facts;
      return { ...facts, resource: { ...resource, phase: 'Failed' } };
    });
    expect(bare(undefined, failed)).toMatchObject([{ evidence: { claims: ['cold'] } }]);
  });
});
