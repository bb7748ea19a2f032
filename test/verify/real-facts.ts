/** What looks at the root of a real Velero leave, and what its real witnesses said of it. */
import type { Snapshot } from '@aws-sdk/client-ec2';
import type { NamedLocation } from '../../shared/config/config.ts';
import type { RepositoryLook } from '../../shared/ledger/location-look.ts';
import { ebsFacts } from '../../shared/snapshots/ec2-facts.ts';
import type { SnapshotAnswer, SnapshotFacts } from '../../shared/snapshots/snapshot-witness.ts';
import type { BackupFacts } from '../../shared/velero/checks/backup-facts.ts';
import { lookAtBackup } from '../../shared/velero/checks/backup-look.ts';
import { readRoot } from '../../shared/velero/checks/root.ts';
import { snapshotHomeOf } from '../../shared/verify/snapshot-home.ts';
import type { VolumeWitnesses } from '../../shared/verify/volumes.ts';
import { fixture, realRoot } from '../velero/artefacts/fixture.ts';

export const NOW = new Date('2026-11-21T12:00:00Z');
const DAY_MS = 24 * 3_600_000;
const REGION = 'us-east-1';
export const ACCOUNT = '123456789012';

/** Of every backup in the root, by name. */
export async function realFacts(): Promise<ReadonlyMap<string, BackupFacts>> {
  const reader = await realRoot();
  const { backups } = await readRoot(reader, {});
  const looks = [...backups].map(([name, files]) =>
    lookAtBackup(reader, name, files, { url: 's3://velero/prod', role: 'source', now: NOW }),
  );
  return new Map((await Promise.all(looks)).map((facts) => [facts.backup, facts]));
}

/** The location of the root, which says where its snapshots are. */
export function awsLocation(overrides: Partial<NamedLocation> = {}): NamedLocation {
  return {
    name: 'main',
    layout: 'velero',
    location: { kind: 's3', bucket: 'velero', prefix: 'prod/', region: REGION },
    access: {},
    snapshots: { kind: 'aws', account: ACCOUNT, region: REGION },
    ...overrides,
  };
}

/** What EC2 said, by handle; the handle of the CSI snapshot names nothing, so that it is absent. */
export function realAnswers(
  change: (facts: SnapshotFacts) => SnapshotAnswer = (facts) => ({ outcome: 'found', facts }),
): ReadonlyMap<string, SnapshotAnswer> {
  const told = fixture.answer('answers/cloud', 'snapshots') as readonly Snapshot[];
  const found = told.map((snapshot): [string, SnapshotAnswer] => {
    const id = snapshot.SnapshotId ?? '';
    return [id, change(ebsFacts(id, snapshot, REGION))];
  });
  return new Map([...found, ['snap-63d3eadf99784a3e8', { outcome: 'absent' }]]);
}

/** A look that found the snapshots which a real Kopia lists, all of their contents read. */
export function realLook(
  namespace: string,
  overrides: Partial<RepositoryLook> = {},
): RepositoryLook {
  const listed = fixture.answer(`answers/prod_kopia_${namespace}_0.23.1`, 'snapshots') as readonly {
    readonly id: string;
    readonly startTime: string;
    readonly source: { readonly userName: string; readonly host: string; readonly path: string };
  }[];
  return {
    prefix: `kopia/${namespace}/`,
    lookedAt: NOW.toISOString(),
    runId: 'run-1',
    level: 'content',
    outcome: 'verified',
    snapshots: listed.map(({ id, startTime, source: { userName, host, path } }) => ({
      id,
      source: `${userName}@${host}:${path}`,
      startTime,
      verdict: 'verified',
      isIncomplete: false,
    })),
    contentProvenAt: NOW.toISOString(),
    findings: [],
    ...overrides,
  };
}

export function realWitnesses(overrides: Partial<VolumeWitnesses> = {}): VolumeWitnesses {
  return {
    home: snapshotHomeOf(awsLocation()),
    snapshots: realAnswers(),
    repositories: new Map(['billing', 'media', 'shop'].map((each) => [each, realLook(each)])),
    proofAgeMsMax: 14 * DAY_MS,
    now: NOW,
    ...overrides,
  };
}
