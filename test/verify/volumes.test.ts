import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NamedLocation } from '../../shared/config/config.ts';
import type { RepositoryLook } from '../../shared/ledger/location-look.ts';
import type { SnapshotFacts } from '../../shared/snapshots/snapshot-witness.ts';
import type { VolumeFact } from '../../shared/velero/checks/backup-facts.ts';
import { isUsableHere, snapshotHomeOf } from '../../shared/verify/snapshot-home.ts';
import { volumeStanding } from '../../shared/verify/volumes.ts';
import { volume } from './facts.ts';
import {
  ACCOUNT,
  awsLocation,
  NOW,
  realAnswers,
  realFacts,
  realLook,
  realWitnesses,
} from './real-facts.ts';

const real = await realFacts();
const SEEN_AT = NOW.toISOString();
const SUBSCRIPTION = '00000000-0000-0000-0000-00000000000a';

/** As a real Velero recorded it. */
function recorded(backup: string, id: string): VolumeFact {
  const found = real.get(backup)?.volumes.find((each) => each.id === id);
  if (found === undefined) throw new Error(`No volume "${id}" in "${backup}"`);
  return found;
}

const data = recorded('frequent-20261121105615', 'shop/data-db-0');
const disk = recorded('frequent-20261121105615', 'archive/cold');
const csi = recorded('media-csi', 'media/library');
const moved = recorded('media-moved', 'media/library');

function withLook(look: RepositoryLook | undefined, volume = data) {
  const repositories = new Map(look === undefined ? [] : [['shop', look]]);
  return volumeStanding(volume, realWitnesses({ repositories }), SEEN_AT);
}

describe('data in a Kopia repository', () => {
  test('is intact when its snapshot is there and its contents were read of late', () => {
    for (const each of [data, moved]) {
      expect(volumeStanding(each, realWitnesses(), SEEN_AT)).toEqual({
        volume: each.id,
        rung: 'intact',
        isProven: true,
        kind: 'kopia',
        outcome: 'stands',
        provenAt: SEEN_AT,
      });
    }
  });

  test('is present, and not proven, by its structure alone or by too old a proof', () => {
    const { contentProvenAt: _, ...structure } = realLook('shop');
    expect(withLook(structure)).toMatchObject({ rung: 'present', isProven: false });
    for (const contentProvenAt of ['2026-11-01T00:00:00Z', '2027-11-21T00:00:00Z', 'never']) {
      const standing = withLook(realLook('shop', { contentProvenAt }));
      expect(standing).toMatchObject({ rung: 'present', isProven: false, outcome: 'stands' });
      expect(standing.why).toMatch(/^volume "shop\/data-db-0": some contents .* last read on/);
    }
  });

  test('is damaged when its snapshot is', () => {
    const snapshots = realLook('shop').snapshots.map((snapshot) => ({
      ...snapshot,
      verdict: snapshot.id === data.handle ? ('damaged' as const) : snapshot.verdict,
    }));
    const look = realLook('shop', { outcome: 'damaged', snapshots });
    expect(withLook(look)).toMatchObject({ rung: 'reported', outcome: 'damaged' });
    const older = recorded('frequent-20261121105415', 'shop/data-db-0');
    expect(withLook(look, older)).toMatchObject({ rung: 'intact', isProven: true });
  });

  test('is present when the files of its snapshot could not be checked', () => {
    const snapshots = realLook('shop').snapshots.map((snapshot) => ({
      ...snapshot,
      verdict: 'unchecked' as const,
    }));
    expect(withLook(realLook('shop', { snapshots }))).toMatchObject({
      rung: 'present',
      isProven: false,
    });
  });

  test('is missing when the repository has no such snapshot, or an incomplete one', () => {
    const missing = { rung: 'reported', isProven: false, outcome: 'missing' };
    expect(withLook(realLook('shop', { snapshots: [] }))).toMatchObject(missing);
    const snapshots = realLook('shop').snapshots.map((each) => ({ ...each, isIncomplete: true }));
    expect(withLook(realLook('shop', { snapshots }))).toMatchObject(missing);
  });

  test('is unchecked when the repository was not read, or before the backup was', () => {
    const unchecked = { rung: 'reported', isProven: false, outcome: 'unchecked' };
    expect(withLook(undefined)).toMatchObject(unchecked);
    const lookedAt = '2026-11-21T11:59:59Z';
    expect(withLook(realLook('shop', { snapshots: [], lookedAt }))).toMatchObject(unchecked);
    const denied = realLook('shop', {
      snapshots: [],
      outcome: 'unchecked',
      reason: 'access denied',
    });
    expect(withLook(denied)).toMatchObject(unchecked);
    expect(withLook(denied).why).toMatch(/could not be checked: access denied$/);
  });

  test('is unchecked where it is not Kopia that holds it', () => {
    const { repositoryNamespace: _, ...elsewhere } = data;
    expect(withLook(undefined, { ...elsewhere, driver: 'restic' })).toMatchObject({
      kind: 'restic',
      outcome: 'unchecked',
    });
    expect(withLook(undefined, { ...elsewhere, driver: 'acme-mover' })).toMatchObject({
      kind: 'other',
      outcome: 'unchecked',
    });
  });
});

test('nothing to save stands; nothing saved does not', () => {
  const { handle: _, ...unnamed } = volume();
  const skipped = recorded('shop-failing-hook', 'shop/data-db-0');
  for (const each of [skipped, { ...unnamed, result: 'empty' as const }]) {
    const stands = { rung: 'intact', isProven: true, kind: 'nothing', outcome: 'stands' };
    expect(withLook(undefined, each)).toEqual({ volume: each.id, ...stands });
  }

  // Nobody chose to leave it out: no method applied, which is how volumes are lost unnoticed.
  const reason = 'volumeSnapshot: not satisfy the criteria for VolumePolicy;';
  expect(withLook(undefined, { ...skipped, reason })).toMatchObject({
    rung: 'reported',
    isProven: false,
    outcome: 'missing',
  });

  // One witness has a handle after all: then the repository says.
  const named = { ...data, result: 'empty' as const };
  expect(withLook(realLook('shop'), named)).toMatchObject({ kind: 'kopia', rung: 'intact' });
  expect(withLook(undefined, named)).toMatchObject({ outcome: 'unchecked' });

  const none = { ...unnamed, method: 'none', result: 'unfinished' } as const;
  for (const lost of [
    none,
    { ...volume(), result: 'failed' as const },
    recorded('media-moving', 'media/library'),
    unnamed,
  ]) {
    expect(withLook(undefined, lost)).toMatchObject({ rung: 'reported', outcome: 'missing' });
  }
});

describe('a cloud snapshot', () => {
  const stood = (change?: Parameters<typeof realAnswers>[0], each = disk) =>
    volumeStanding(each, realWitnesses({ snapshots: realAnswers(change) }), SEEN_AT);
  const found = (overrides: Partial<SnapshotFacts>) =>
    stood((facts) => ({ outcome: 'found', facts: { ...facts, ...overrides } }));

  test('is present when the cloud has it, completed', () => {
    expect(stood()).toEqual({
      volume: 'archive/cold',
      rung: 'present',
      isProven: true,
      kind: 'cloud-snapshot',
      outcome: 'stands',
      provenAt: SEEN_AT,
    });
  });

  test('is missing when the cloud has none, or none that can be used', () => {
    const missing = { rung: 'reported', isProven: false, outcome: 'missing' };
    expect(stood(undefined, csi)).toMatchObject(missing);
    expect(stood(undefined, { ...csi, handle: 'unknown' })).toMatchObject(missing);
    expect(found({ state: 'recoverable' })).toMatchObject(missing);
    expect(found({ state: 'deleting' })).toMatchObject(missing);
    expect(found({ archived: true })).toMatchObject(missing);
    expect(found({ account: '999999999999' })).toMatchObject(missing);
    expect(found({ region: 'us-west-2' })).toMatchObject(missing);
  });

  test('is damaged when it failed', () => {
    const stateReason = 'Given key ID is not accessible';
    expect(found({ state: 'failed', stateReason })).toMatchObject({
      outcome: 'damaged',
      why: expect.stringMatching(/failed: "Given key ID is not accessible"$/),
    });
  });

  test('is unchecked while it is made, and where the cloud says nothing', () => {
    const unchecked = { rung: 'reported', isProven: false, outcome: 'unchecked' };
    expect(found({ state: 'pending', progressPercent: 40 })).toMatchObject(unchecked);
    expect(found({ state: 'other', vendorState: 'frozen' })).toMatchObject(unchecked);
    const denied = { outcome: 'unchecked', reason: 'denied', message: 'No', hint: 'Ask' } as const;
    expect(stood(() => denied)).toMatchObject(unchecked);
    const nobody = realWitnesses({ snapshots: new Map() });
    expect(volumeStanding(disk, nobody, SEEN_AT)).toMatchObject(unchecked);
  });
});

describe('a cloud snapshot can be used', () => {
  const usable = (each: VolumeFact, place: NamedLocation, replicaOf?: NamedLocation) =>
    isUsableHere(each, snapshotHomeOf(place, replicaOf)).usable;
  const { snapshots: _, ...unset } = awsLocation();
  const azure = (subscription = SUBSCRIPTION, region?: string): NamedLocation => ({
    ...awsLocation(),
    location: { kind: 'azblob', account: 'backups', container: 'velero', prefix: '' },
    snapshots: { kind: 'azure', subscription, ...(region !== undefined && { region }) },
  });
  const azureDisk = volume({
    method: 'csi',
    driver: 'disk.csi.azure.com',
    handle: `/subscriptions/${SUBSCRIPTION.toUpperCase()}/resourceGroups/rg/providers/Microsoft.Compute/snapshots/s1`,
  });
  const foreign = volume({ method: 'csi', driver: 'rbd.csi.ceph.com', handle: '0001-0009' });
  const aws = (account: string, region: string): NamedLocation =>
    awsLocation({ name: 'copy', snapshots: { kind: 'aws', account, region } });
  const folder = { ...unset, location: { kind: 'file', path: '/backups' } } as const;
  const minio = {
    ...unset,
    location: { kind: 's3', bucket: 'b', prefix: '', endpoint: 'https://minio.example' },
  } as const;

  test('where its own cloud, account and region are set', () => {
    expect(usable(disk, awsLocation())).toBe(true);
    expect(usable(csi, awsLocation())).toBe(true);
    expect(usable(azureDisk, azure())).toBe(true);
    expect(usable(disk, { ...minio, ...aws(ACCOUNT, 'us-east-1'), location: minio.location })).toBe(
      true,
    );
  });

  test('in no other cloud', () => {
    const { snapshots: __, ...azureUnset } = azure();
    expect(usable(disk, azure())).toBe(false);
    expect(usable(csi, azureUnset)).toBe(false);
    expect(usable(azureDisk, awsLocation())).toBe(false);
    expect(usable(azureDisk, unset)).toBe(false);
  });

  test('in no other account and no other region', () => {
    const other = '00000000-0000-0000-0000-00000000000b';
    expect(usable(azureDisk, azure(other))).toBe(false);
    expect(usable(disk, aws(ACCOUNT, 'eu-central-1'))).toBe(false);
    const west = { ...unset, location: { ...unset.location, region: 'eu-west-1' } };
    expect(usable(disk, west as NamedLocation)).toBe(false);
    const arn = `arn:aws:ec2:us-east-1:999999999999:snapshot/${disk.handle}`;
    expect(usable({ ...disk, handle: arn }, awsLocation())).toBe(false);
    expect(usable({ ...disk, zone: 'us-west-2-lax-1a' }, awsLocation())).toBe(false);
    expect(usable({ ...azureDisk, zone: 'westeurope-1' }, azure(SUBSCRIPTION, 'East US'))).toBe(
      false,
    );
  });

  test('nobody knows, where the location does not say where its snapshots are', () => {
    for (const place of [unset, folder, minio]) expect(usable(disk, place)).toBe('unknown');
    expect(usable(foreign, awsLocation())).toBe('unknown');
    const { driver: ___, ...driverless } = csi;
    expect(usable(driverless, awsLocation())).toBe('unknown');
  });

  test('at a replica in the same account and region alone', () => {
    const source = awsLocation();
    expect(usable(csi, aws(ACCOUNT, 'us-east-1'), source)).toBe(true);
    expect(usable(csi, aws('999999999999', 'us-east-1'), source)).toBe(false);
    expect(usable(csi, aws(ACCOUNT, 'eu-west-1'), source)).toBe(false);
    expect(usable(csi, azure(), source)).toBe(false);
    for (const place of [folder, minio]) expect(usable(csi, place, source)).toBe(false);
    expect(usable(csi, unset, source)).toBe('unknown');
    expect(usable(csi, aws(ACCOUNT, 'us-east-1'), unset)).toBe('unknown');
    expect(usable(azureDisk, azure(), azure())).toBe('unknown');
    const inEurope = azure(SUBSCRIPTION, 'westeurope');
    expect(usable(azureDisk, inEurope, azure(SUBSCRIPTION, 'West Europe'))).toBe(true);
    expect(usable(foreign, azure(), source)).toBe(false);
    expect(usable(foreign, aws(ACCOUNT, 'us-east-1'), source)).toBe('unknown');
  });
});

describe('whatever is recorded', () => {
  const volumes = fc.record(
    {
      id: fc.string(),
      method: fc.constantFrom(
        'native',
        'csi',
        'data-mover',
        'fs-backup',
        'skipped',
        'unknown',
        'none',
      ),
      result: fc.constantFrom('succeeded', 'failed', 'unfinished', 'empty'),
      handle: fc.constantFrom(data.handle ?? '', disk.handle ?? '', 'unknown', '__proto__'),
      driver: fc.constantFrom('ebs.csi.aws.com', 'disk.csi.azure.com', 'restic', 'other'),
      repositoryNamespace: fc.constantFrom('shop', 'constructor'),
      zone: fc.constantFrom('us-east-1a', 'eu-central-1a', 'x'),
    },
    { requiredKeys: ['id', 'method', 'result'] },
  ) as fc.Arbitrary<VolumeFact>;
  const denied = { outcome: 'unchecked', reason: 'denied', message: 'No', hint: 'Ask' } as const;

  test('witnesses that say nothing prove nothing, and nothing to be missing that was saved', () => {
    const look = realLook('shop', { snapshots: [], outcome: 'unchecked', reason: 'denied' });
    const silent = realWitnesses({
      snapshots: realAnswers(() => denied),
      repositories: new Map([['shop', look]]),
    });
    fc.assert(
      fc.property(volumes, (each) => {
        const { outcome, isProven, rung, why, kind } = volumeStanding(each, silent, SEEN_AT);
        const isBare = each.method === 'none' || each.method === 'skipped';
        const isSaved = each.result === 'succeeded' && !isBare;
        const isNamed = each.handle !== undefined && each.handle !== 'unknown';
        const isHere = isUsableHere(each, silent.home).usable !== false;
        if (kind !== 'nothing') expect(rung).toBe('reported');
        expect(isProven).toBe(outcome === 'stands');
        expect(why === undefined).toBe(isProven);
        if (isSaved && isNamed && (isHere || kind !== 'cloud-snapshot')) {
          expect(outcome).not.toBe('missing');
          expect(outcome).not.toBe('damaged');
        }
      }),
    );
  });

  test('what is not known to stand is not proven, and is on the lowest rung', () => {
    fc.assert(
      fc.property(volumes, (each) => {
        const standing = volumeStanding(each, realWitnesses(), SEEN_AT);
        if (standing.outcome === 'stands') return;
        expect(standing).toMatchObject({ rung: 'reported', isProven: false });
        expect(standing.why).toBeDefined();
      }),
    );
  });
});
