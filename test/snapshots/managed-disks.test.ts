import { afterEach, describe, expect, test } from 'vitest';
import type { SnapshotWitness } from '../../shared/snapshots/snapshot-witness.ts';
import { snapshotWitnessContract, type WitnessFault } from '../contract/snapshot-witness.ts';
import {
  type ArmFault,
  type FakeArm,
  type FakeArmOptions,
  type FakeDiskSnapshot,
  fakeArm,
} from '../support/fake-arm.ts';
import { armId, listedId, OTHER, SUBSCRIPTION, TOKEN, witnessOf } from './azure-world.ts';

const FAULT_ANSWERS: Readonly<Record<Exclude<WitnessFault, 'hiccup'>, ArmFault>> = {
  denied: { status: 403, code: 'AuthorizationFailed' },
  throttled: { status: 429, code: 'OperationNotAllowed', headers: { 'retry-after': '3' } },
  reset: 'reset',
  foreign: { status: 200, body: '<html>Please sign in to the network</html>' },
};

snapshotWitnessContract('managed disks on a fake of Azure Resource Manager', async () => {
  const resourceGroup = 'backups';
  const snapshots: FakeDiskSnapshot[] = [
    { resourceGroup, name: 'one', tags: { 'velero.io-backup': 'daily' } },
    { resourceGroup, name: 'two', tags: { 'velero.io-backup': 'weekly' } },
    {
      resourceGroup,
      name: 'three',
      tags: { 'velero.io-backup': 'x' },
      properties: { completionPercent: 37 },
    },
    { resourceGroup, name: 'four', tags: { 'velero.io-backup-other': 'x' } },
    { resourceGroup: 'others', name: 'five' },
  ];
  const fakes: FakeArm[] = [];
  const start = async (fault?: FakeArmOptions['fault']): Promise<FakeArm> => {
    const options = { subscription: SUBSCRIPTION, snapshots, pageSize: 2, token: TOKEN };
    const fake = await fakeArm({ ...options, ...(fault && { fault }) });
    fakes.push(fake);
    return fake;
  };
  const sound = await start();
  const faulty = new Map<string, FakeArm>();
  for (const [name, answer] of Object.entries(FAULT_ANSWERS)) {
    faulty.set(name, await start(() => answer));
  }
  let hiccups = 0;
  const hiccup = await start(() => (hiccups++ < 2 ? FAULT_ANSWERS.throttled : undefined));
  return {
    witness: (fault) => {
      hiccups = 0;
      const fake = fault === 'hiccup' ? hiccup : faulty.get(fault ?? '');
      return witnessOf((fake ?? sound).url);
    },
    present: new Map([
      [armId('one'), { state: 'completed' as const, sizeBytes: 8 * 1024 ** 3, encrypted: true }],
      [armId('three'), { state: 'pending' as const, progressPercent: 37, account: SUBSCRIPTION }],
      [armId('FOUR', 'Backups'), { id: listedId('four'), region: 'westeurope', incremental: true }],
      [armId('five', 'others'), { tier: 'Standard_ZRS', networkAccess: 'AllowAll' }],
    ]),
    absent: [armId('six'), armId('seven'), armId('one', 'no-such-group')],
    elsewhere: [armId('one', 'backups', OTHER)],
    tagKey: 'velero.io-backup',
    tagged: [listedId('one'), listedId('two'), listedId('three')],
    requests: () => fakes.reduce((sum, { requests }) => sum + requests.length, 0),
    secrets: [TOKEN],
    close: async () => {
      for (const fake of fakes) await fake.close();
    },
  };
});

describe('managed-disk snapshots', () => {
  let fake: FakeArm;
  afterEach(async () => {
    await fake.close();
  });
  const start = async (more: Partial<FakeArmOptions> = {}): Promise<SnapshotWitness> => {
    fake = await fakeArm({ subscription: SUBSCRIPTION, snapshots: [], token: TOKEN, ...more });
    return witnessOf(fake.url);
  };
  const many = (count: number): FakeDiskSnapshot[] =>
    Array.from({ length: count }, (_, at) => ({ resourceGroup: 'backups', name: `s-${at}` }));

  test('a thousand of one group cost as many requests as the group has pages', async () => {
    const snapshots = many(1000);
    const witness = await start({ snapshots });
    const answers = await witness.lookUp(snapshots.map(({ name }) => armId(name)));
    expect([...answers.values()].filter(({ outcome }) => outcome === 'found')).toHaveLength(1000);
    expect(fake.requests).toHaveLength(10);
  });

  test('each one that the list does not show is asked for by its id', async () => {
    const snapshots = many(50);
    const witness = await start({ snapshots });
    const gone = ['a', 'b', 'c'].map((name) => armId(name));
    const answers = await witness.lookUp([...snapshots.map(({ name }) => armId(name)), ...gone]);
    expect(gone.map((id) => answers.get(id)?.outcome)).toEqual(['absent', 'absent', 'absent']);
    expect(fake.requests).toHaveLength(1 + 3);
  });

  test('few of a large group are asked for one by one, in any letter case', async () => {
    const witness = await start({ snapshots: many(1000) });
    const loud = armId('S-7').toUpperCase();
    const answers = await witness.lookUp([loud, armId('s-7'), armId('s-8')]);
    expect([...answers.values()].map(({ outcome }) => outcome)).toEqual([
      'found',
      'found',
      'found',
    ]);
    expect(fake.requests).toHaveLength(2);
  });

  test('a group whose name is not of ASCII', async () => {
    const snapshots = [{ resourceGroup: 'grün_(1)', name: 'one' }];
    const witness = await start({ snapshots });
    const id = armId('one', 'grün_(1)');
    expect((await witness.lookUp([id])).get(id)).toMatchObject({ outcome: 'found' });
  });

  test('tells of keys, sizes and who may export', async () => {
    const diskEncryptionSetId =
      '/subscriptions/s/resourceGroups/g/providers/x/diskEncryptionSets/d';
    const type = 'EncryptionAtRestWithCustomerKey';
    const properties = {
      encryption: { type, diskEncryptionSetId },
      diskSizeBytes: undefined,
      diskSizeGB: 100,
      networkAccessPolicy: 'DenyAll',
    };
    const tags = JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>;
    const witness = await start({
      snapshots: [{ resourceGroup: 'g', name: 'one', properties, tags }],
    });
    const answer = (await witness.lookUp([armId('one', 'g')])).get(armId('one', 'g'));
    expect(answer).toMatchObject({
      facts: {
        encrypted: true,
        encryptionType: type,
        keyId: diskEncryptionSetId,
        sizeBytes: 100 * 1024 ** 3,
        networkAccess: 'DenyAll',
        startedAt: new Date('2026-11-21T10:52:23.123Z'),
      },
    });
    const known = answer?.outcome === 'found' ? [...answer.facts.tags] : [];
    expect(known).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });

  test.each([
    [{ provisioningState: 'Creating' }, 'pending'],
    [{ provisioningState: 'Failed' }, 'failed'],
    [{ provisioningState: 'Deleting' }, 'deleting'],
    [{ provisioningState: 'constructor' }, 'other'],
    [{ completionPercent: 100 }, 'completed'],
    [{ completionPercent: 99.5 }, 'pending'],
    [{ copyCompletionError: { errorCode: 'CopySourceNotFound' }, completionPercent: 3 }, 'failed'],
  ])('%o is %s', async (properties, state) => {
    const witness = await start({
      snapshots: [{ resourceGroup: 'g', name: 'one', properties }],
    });
    const answer = (await witness.lookUp([armId('one', 'g')])).get(armId('one', 'g'));
    expect(answer).toMatchObject({ outcome: 'found', facts: { state } });
  });

  test('a group that may not be listed leaves its references unchecked, and no other', async () => {
    const snapshots = [...many(5), { resourceGroup: 'open', name: 'one' }];
    const witness = await start({
      snapshots,
      fault: ({ url }) =>
        url.pathname.includes('/backups/')
          ? { status: 403, code: 'AuthorizationFailed' }
          : undefined,
    });
    const closed = many(5).map(({ name }) => armId(name));
    const answers = await witness.lookUp([...closed, armId('one', 'open')]);
    for (const id of closed) expect(answers.get(id)).toMatchObject({ reason: 'denied' });
    expect(answers.get(armId('one', 'open'))).toMatchObject({ outcome: 'found' });
    expect(fake.requests).toHaveLength(2);
  });

  test('a list is not read on when everything is found', async () => {
    const snapshots = many(500);
    const witness = await start({ snapshots });
    await witness.lookUp(snapshots.slice(0, 50).map(({ name }) => armId(name)));
    expect(fake.requests).toHaveLength(1);
  });

  test('tag keys are found in any letter case, as Azure has it', async () => {
    const tags = { 'Velero.io-Backup': 'daily' };
    const witness = await start({ snapshots: [{ resourceGroup: 'g', name: 'one', tags }] });
    expect(await Array.fromAsync(witness.listTagged(['velero.io-BACKUP']))).toHaveLength(1);
  });
});
