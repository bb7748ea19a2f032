import { prefixed } from '../../../shared/stores/prefixed.ts';
import type { BackupFacts } from '../../../shared/velero/checks/backup-facts.ts';
import { lookAtBackup } from '../../../shared/velero/checks/backup-look.ts';
import { readRoot } from '../../../shared/velero/checks/root.ts';
import { workloads } from '../../fixtures/velero-workloads.ts';
import { fakeClock } from '../../support/clock.ts';
import { type ApiAnswer, type ApiRequest, unknownPath } from '../../support/fake-api-server.ts';
import { fixtureInMemory } from '../../support/fixture-stores.ts';
import { loadFixture } from '../../support/fixtures.ts';

export const fixture = await loadFixture('velero/v1.18.2');

export const URL = 's3://backups/prod';
/** Half a minute after the last answer of the real server. */
export const LOOKED_AT = new Date('2026-11-21T10:57:00Z');
/** When most of the backups of the fixture are settled, and none is stuck. */
export const LATER = new Date('2026-11-21T11:30:00Z');

/** An object as the API server gives it. */
export interface Resource {
  kind?: string;
  metadata: { name: string; namespace?: string; [field: string]: unknown };
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
  [field: string]: unknown;
}

type Applied = Resource & { kind: string };

/** Answers of the real API server, and what was applied to its cluster, by path. */
export function realAnswers(): Map<string, Resource[]> {
  const velero = (name: string) => fixture.answer('answers/cluster', name) as Resource[];
  const applied = workloads('vol-0a1b2c3d4e5f60004') as Applied[];
  const ofKind = (kind: string) => applied.filter((each) => each.kind === kind);
  return new Map([
    ['/apis/velero.io/v1/namespaces/velero/backups', velero('backups')],
    ['/apis/velero.io/v1/namespaces/velero/schedules', velero('schedules')],
    [
      '/apis/velero.io/v1/namespaces/velero/backupstoragelocations',
      velero('backup-storage-locations'),
    ],
    ['/apis/velero.io/v1/namespaces/velero/backuprepositories', velero('backup-repositories')],
    ['/apis/velero.io/v1/namespaces/velero/serverstatusrequests', []],
    ['/api/v1/namespaces', ofKind('Namespace')],
    ['/api/v1/persistentvolumeclaims', ofKind('PersistentVolumeClaim').map(bound)],
    ['/apis/apiextensions.k8s.io/v1/customresourcedefinitions', ofKind('CustomResourceDefinition')],
    ['/apis/shop.example.com/v1/orders', ofKind('Order')],
  ]);
}

/** As its controllers leave a claim; what was applied has no status yet. */
function bound(claim: Resource): Resource {
  const metadata = { ...claim.metadata, creationTimestamp: '2026-11-19T10:00:00Z' };
  return { ...claim, metadata, status: { phase: 'Bound' } };
}

/** Serves the lists as they stand, and the Deployment of the server. */
export function serving(
  lists: ReadonlyMap<string, readonly Resource[]>,
  more: ReadonlyMap<string, ApiAnswer> = new Map(),
): (request: ApiRequest) => ApiAnswer {
  return ({ path }) => {
    const own = more.get(path);
    if (own !== undefined) return own;
    if (path === DEPLOYMENT) return { body: deployment('velero/velero:v1.18.2') };
    const items = lists.get(path);
    if (items === undefined) return unknownPath;
    return { body: { kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: '9' }, items } };
  };
}

export const DEPLOYMENT = '/apis/apps/v1/namespaces/velero/deployments/velero';

export function deployment(image: string): Resource {
  const containers = [{ name: 'velero', image }];
  return {
    metadata: { name: 'velero', namespace: 'velero' },
    spec: { template: { spec: { containers } } },
  };
}

/** What a look at each backup of the fixture's root leaves. */
export async function storedFacts(): Promise<readonly BackupFacts[]> {
  const reader = prefixed(await fixtureInMemory(fixture, fakeClock(LATER)), 'prod/');
  const { backups } = await readRoot(reader);
  const options = { url: URL, role: 'source', now: LATER } as const;
  const looks = [...backups].map(([name, files]) => lookAtBackup(reader, name, files, options));
  return await Promise.all(looks);
}
