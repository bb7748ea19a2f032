import { afterEach, describe, expect, test } from 'vitest';
import { ASKING_DEFAULTS, asking } from '../../shared/snapshots/asking.ts';
import { managedDiskSnapshotWitness } from '../../shared/snapshots/managed-disk-snapshots.ts';
import type { SnapshotWitness } from '../../shared/snapshots/snapshot-witness.ts';
import { snapshotWitnessContract, type WitnessFault } from '../contract/snapshot-witness.ts';
import { fakeClock } from '../support/clock.ts';
import {
  type ArmFault,
  type FakeArm,
  type FakeArmOptions,
  type FakeDiskSnapshot,
  fakeArm,
} from '../support/fake-arm.ts';

const SUBSCRIPTION = '0d1e2f30-1111-2222-3333-444455556666';
const OTHER = '99999999-1111-2222-3333-444455556666';
const TOKEN = 'canary-of-a-token';
const armId = (name: string, group = 'backups', subscription = SUBSCRIPTION): string =>
  `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.Compute/snapshots/${name}`;
/** As the fake writes it. */
const listedId = (name: string): string => armId(name, 'BACKUPS');

interface WitnessParts {
  readonly attemptsMax?: number;
  readonly getToken?: (
    scope: string | string[],
  ) => Promise<{ token: string; expiresOnTimestamp: number } | null>;
  readonly clock?: ReturnType<typeof fakeClock>;
}

function witnessOf(endpoint: string, parts: WitnessParts = {}): SnapshotWitness {
  const { clock = fakeClock(), attemptsMax = ASKING_DEFAULTS.attemptsMax } = parts;
  const expiresOnTimestamp = clock.now().getTime() + 3_600_000;
  const getToken = parts.getToken ?? (async () => ({ token: TOKEN, expiresOnTimestamp }));
  const ask = asking({ ...ASKING_DEFAULTS, attemptsMax, random: () => 0 }, clock);
  const credential = { getToken };
  return managedDiskSnapshotWitness({
    endpoint,
    subscription: SUBSCRIPTION,
    credential,
    ask,
    clock,
  });
}

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

  test.each<[ArmFault, string]>([
    [{ status: 401, code: 'ExpiredAuthenticationToken' }, 'denied'],
    [{ status: 401, code: 'InvalidAuthenticationTokenTenant' }, 'other_account'],
    [{ status: 404, code: 'SubscriptionNotFound' }, 'other_account'],
    [{ status: 404, code: 'InvalidResourceType' }, 'unreachable'],
    [{ status: 404 }, 'unreachable'],
    [{ status: 404, body: '{"error":"ResourceNotFound"}' }, 'unreachable'],
    [{ status: 404, code: 'constructor' }, 'unreachable'],
    [{ status: 403 }, 'denied'],
    [{ status: 403, code: 'ResourceNotFound' }, 'denied'],
    [{ status: 200, code: 'ResourceNotFound' }, 'unreachable'],
    [{ status: 400, code: 'InvalidApiVersionParameter' }, 'invalid'],
    [{ status: 500, code: 'InternalServerError' }, 'unreachable'],
    [{ status: 200, body: '{}' }, 'unreachable'],
    [{ status: 200, body: 'null' }, 'unreachable'],
    [{ status: 204 }, 'unreachable'],
  ])('%o is %s', async (fault, reason) => {
    const witness = await start({ fault: () => fault });
    const answer = (await witness.lookUp([armId('one')])).get(armId('one'));
    expect(answer).toMatchObject({ outcome: 'unchecked', reason });
  });

  test('the answer about another snapshot is none', async () => {
    const body = JSON.stringify({
      id: armId('two'),
      properties: { provisioningState: 'Succeeded' },
    });
    const witness = await start({ fault: () => ({ status: 200, body }) });
    const answer = (await witness.lookUp([armId('one')])).get(armId('one'));
    expect(answer).toMatchObject({ outcome: 'unchecked', reason: 'unreachable' });
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

  test('a redirect gets no token', async () => {
    const found = JSON.stringify({
      id: armId('one'),
      properties: { provisioningState: 'Succeeded' },
    });
    const witness = await start({
      fault: ({ url }) =>
        url.pathname === '/elsewhere'
          ? { status: 200, body: found }
          : { status: 302, headers: { location: '/elsewhere' } },
    });
    const answer = (await witness.lookUp([armId('one')])).get(armId('one'));
    expect(answer).toMatchObject({ outcome: 'unchecked', reason: 'unreachable' });
    expect(fake.requests.map(({ url }) => url.pathname)).not.toContain('/elsewhere');
  });

  test('a next page at another place gets no token', async () => {
    const page = JSON.stringify({ value: [] });
    const elsewhere = await fakeArm({
      subscription: SUBSCRIPTION,
      snapshots: [],
      token: TOKEN,
      fault: () => ({ status: 200, body: page }),
    });
    const body = JSON.stringify({ value: [], nextLink: `${elsewhere.url}/next` });
    const witness = await start({ fault: () => ({ status: 200, body }) });
    const listing = Array.fromAsync(witness.listTagged(['a']));
    await expect(listing).rejects.toMatchObject({ code: 'unreachable' });
    await elsewhere.close();
    expect(elsewhere.requests).toHaveLength(0);
  });

  test.each([
    ['itself', undefined],
    ['nothing', 7],
  ])('a page that names %s as the next one ends in an error', async (_, link) => {
    const witness = await start({
      fault: ({ url }) => ({
        status: 200,
        body: JSON.stringify({ value: [], nextLink: link ?? url.href }),
      }),
    });
    await expect(Array.fromAsync(witness.listTagged(['a']))).rejects.toMatchObject({
      code: 'unreachable',
    });
    expect(fake.requests).toHaveLength(1);
  });

  test('a list whose next page is gone ends in an error', async () => {
    const witness = await start({
      snapshots: many(4),
      pageSize: 2,
      fault: ({ url }) =>
        url.searchParams.has('$skiptoken')
          ? { status: 404, code: 'ResourceGroupNotFound' }
          : undefined,
    });
    await expect(Array.fromAsync(witness.listTagged(['a']))).rejects.toMatchObject({
      code: 'unreachable',
    });
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

  test('an answer that does not end is none', async () => {
    const found = { id: armId('one'), properties: { provisioningState: 'Succeeded' } };
    const body = JSON.stringify(found) + ' '.repeat(33 * 1024 * 1024);
    fake = await fakeArm({
      subscription: SUBSCRIPTION,
      snapshots: [],
      token: TOKEN,
      fault: () => ({ status: 200, body }),
    });
    const answers = await witnessOf(fake.url, { attemptsMax: 1 }).lookUp([armId('one')]);
    expect(answers.get(armId('one'))).toMatchObject({
      reason: 'unreachable',
      message: expect.stringContaining('does not end'),
    });
  });

  test('waits as long as Azure asks, and not for minutes', async () => {
    const clock = fakeClock();
    const slept: number[] = [];
    const waits = ['7', '61'];
    fake = await fakeArm({
      subscription: SUBSCRIPTION,
      snapshots: [],
      token: TOKEN,
      fault: () => ({ status: 429, headers: { 'retry-after': waits.shift() ?? '0' } }),
    });
    const noted = {
      ...clock,
      sleep: async (ms: number) => {
        slept.push(ms);
      },
    };
    const witness = witnessOf(fake.url, { clock: noted });
    const answer = (await witness.lookUp([armId('one')])).get(armId('one'));
    expect(answer).toMatchObject({ outcome: 'unchecked', reason: 'throttled' });
    expect(slept).toEqual([7000]);
  });

  test('a cloud that is down is not waited for once per reference', async () => {
    const witness = await start({ fault: () => 'reset' });
    const ids = Array.from({ length: 100 }, (_, at) => armId('one', `group-${at}`));
    const answers = await witness.lookUp(ids);
    expect([...answers.values()].every(({ outcome }) => outcome === 'unchecked')).toBe(true);
    expect(answers.size).toBe(100);
    // Four at a time try six times, the others once.
    expect(fake.requests.length).toBeLessThanOrEqual(100 + 4 * 5);
  });

  test('a token is used until shortly before its end', async () => {
    const clock = fakeClock();
    let issued = 0;
    const getToken = async (scope: string | string[]) => {
      issued += 1;
      expect(scope).toBe(`${fake.url}/.default`);
      return { token: TOKEN, expiresOnTimestamp: clock.now().getTime() + 600_000 };
    };
    fake = await fakeArm({ subscription: SUBSCRIPTION, snapshots: many(3), token: TOKEN });
    const witness = witnessOf(fake.url, { getToken, clock });
    await witness.lookUp(many(3).map(({ name }) => armId(name)));
    clock.advance(400_000);
    await witness.lookUp([armId('s-1')]);
    expect(issued).toBe(1);
    clock.advance(100_000);
    await witness.lookUp([armId('s-1')]);
    expect(issued).toBe(2);
  });

  test('without an identity nothing is known', async () => {
    fake = await fakeArm({ subscription: SUBSCRIPTION, snapshots: [], token: TOKEN });
    const unavailable = Object.assign(new Error('none'), { name: 'CredentialUnavailableError' });
    const nobody = [() => Promise.reject(unavailable), () => Promise.resolve(null)];
    for (const getToken of nobody) {
      const answers = await witnessOf(fake.url, { getToken }).lookUp([armId('one')]);
      expect(answers.get(armId('one'))).toMatchObject({ outcome: 'unchecked', reason: 'denied' });
    }
    expect(fake.requests).toHaveLength(0);
  });
});
