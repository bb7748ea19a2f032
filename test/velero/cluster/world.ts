import { gunzipSync } from 'node:zlib';
import { parseBackup } from '../../../shared/velero/artefacts/backup.ts';
import type { BackupFacts } from '../../../shared/velero/checks/backup-facts.ts';
import { workloads } from '../../fixtures/velero-workloads.ts';
import { type ApiAnswer, type ApiRequest, unknownPath } from '../../support/fake-api-server.ts';
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

/** What the stored bytes of the fixture tell, as far as these tests ask. */
export async function storedFacts(): Promise<BackupFacts[]> {
  const names = new Set(
    fixture.objects.flatMap(({ key }) => /^prod\/backups\/([^/]+)\//.exec(key)?.[1] ?? []),
  );
  return await Promise.all([...names].sort().map(factsOf));
}

async function factsOf(backup: string): Promise<BackupFacts> {
  const folder = `prod/backups/${backup}/`;
  const objects = fixture.objects.filter(({ key }) => key.startsWith(folder));
  const read = (file: string) => objects.find(({ key }) => key === `${folder}${file}`)?.bytes();
  const json = await read('velero-backup.json');
  const list = await read(`${backup}-resource-list.json.gz`);
  const parsed = json && parseBackup(JSON.parse(Buffer.from(json).toString('utf8')));
  const resource = typeof parsed === 'string' ? undefined : parsed;
  const listed: unknown = list && JSON.parse(gunzipSync(list).toString('utf8'));
  const claims = (listed as Record<string, string[]> | undefined)?.['v1/PersistentVolumeClaim'];
  const { status } = resource ?? {};
  return {
    backup,
    lookedAt: LOOKED_AT.toISOString(),
    completeness:
      resource === undefined ? 'debris' : status?.meaning === 'ended' ? 'complete' : 'unfinished',
    ...(resource && {
      resource: {
        name: resource.name,
        uid: resource.uid,
        phase: resource.status.phase,
        meaning: resource.status.meaning,
        ...(status?.startedAt && { startedAt: status.startedAt.toISOString() }),
        ...(status?.completedAt && { completedAt: status.completedAt.toISOString() }),
        errors: resource.status.errors,
        warnings: resource.status.warnings,
        hooksFailed: 0,
        includedNamespaces: resource.spec.includedNamespaces,
        excludedNamespaces: [],
        hasSelector: false,
      },
    }),
    objects: objects.map(({ key, sizeBytes, lastModified }) => ({
      key: key.slice('prod/'.length),
      sizeBytes,
      etag: '',
      lastModified: lastModified.toISOString(),
    })),
    ...(list && {
      contents: {
        objects: 0,
        secrets: 0,
        inflatedSizeBytes: 0,
        namespaces: [],
        claims: (claims ?? []).map((each) => {
          const [namespace = '', name = ''] = each.split('/');
          return { namespace, name, labels: [], isBound: true };
        }),
        isCut: false,
      },
    }),
    volumes: [],
    unreadVolumeLists: [],
    isWhole: true,
    findings: [],
  };
}
