import {
  type BackupFacts,
  CHECKS_VERSION,
  type ContentsFacts,
  type ResourceFacts,
  type VolumeFact,
} from '../../shared/velero/checks/backup-facts.ts';

/** What a look leaves of `backup`: complete and whole, of the namespace `shop`, without volumes. */
export function facts(overrides: Partial<BackupFacts> = {}): BackupFacts {
  const { backup = 'daily-20261124020000' } = overrides;
  return {
    checks: CHECKS_VERSION,
    backup,
    lookedAt: '2026-11-25T00:00:00Z',
    completeness: 'complete',
    resource: resource({ name: backup }),
    objects: [
      object(`backups/${backup}/${backup}.tar.gz`),
      object(`backups/${backup}/velero-backup.json`),
    ],
    contents: contents(),
    volumes: [],
    unreadVolumeLists: [],
    isWhole: true,
    findings: [],
    ...overrides,
  };
}

/** A backup of the schedule `daily` that completed at ten past two. */
export function resource(overrides: Partial<ResourceFacts> = {}): ResourceFacts {
  const { name = 'daily-20261124020000' } = overrides;
  return {
    name,
    uid: `uid-of-${name}`,
    phase: 'Completed',
    meaning: 'ended',
    schedule: 'daily',
    createdAt: '2026-11-24T02:00:00Z',
    startedAt: '2026-11-24T02:00:05Z',
    completedAt: '2026-11-24T02:10:00Z',
    expiresAt: '2026-12-24T02:00:05Z',
    kubernetesVersion: 'v1.36.3',
    errors: 0,
    warnings: 0,
    hooksFailed: 0,
    items: 12,
    includedNamespaces: ['*'],
    excludedNamespaces: [],
    hasSelector: false,
    ...overrides,
  };
}

/** A tarball with one claim, `shop/data`. */
export function contents(overrides: Partial<ContentsFacts> = {}): ContentsFacts {
  return {
    objects: 12,
    secrets: 1,
    inflatedSizeBytes: 40_000,
    namespaces: [{ name: 'shop', objects: 12 }],
    claims: [{ namespace: 'shop', name: 'data', labels: [], isBound: true }],
    isCut: false,
    ...overrides,
  };
}

/** `shop/data`, saved by the file-system backup in the Kopia repository of `shop`. */
export function volume(overrides: Partial<VolumeFact> = {}): VolumeFact {
  return {
    id: 'shop/data',
    claim: { namespace: 'shop', name: 'data' },
    method: 'fs-backup',
    handle: '0123456789abcdef0123456789abcdef',
    result: 'succeeded',
    sizeBytes: 1_000_000,
    repositoryNamespace: 'shop',
    ...overrides,
  };
}

export function object(
  key: string,
  overrides: Partial<BackupFacts['objects'][number]> = {},
): BackupFacts['objects'][number] {
  return {
    key,
    sizeBytes: 4000,
    etag: `"${key.length}"`,
    lastModified: '2026-11-24T02:10:00Z',
    sha256: 'ab'.repeat(32),
    ...overrides,
  };
}
