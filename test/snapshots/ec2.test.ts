import { EC2Client } from '@aws-sdk/client-ec2';
import { afterEach, describe, expect, test } from 'vitest';
import { ASKING_DEFAULTS, asking } from '../../shared/snapshots/asking.ts';
import {
  EC2_CLIENT_SETTINGS,
  type Ec2WitnessOptions,
  ec2SnapshotWitness,
} from '../../shared/snapshots/ec2-snapshots.ts';
import type { SnapshotWitness } from '../../shared/snapshots/snapshot-witness.ts';
import { StoreError } from '../../shared/stores/store-error.ts';
import { snapshotWitnessContract, type WitnessFault } from '../contract/snapshot-witness.ts';
import { fakeClock } from '../support/clock.ts';
import {
  type Ec2Fault,
  type FakeEbsSnapshot,
  type FakeEc2,
  type FakeEc2Options,
  fakeEc2,
} from '../support/fake-ec2.ts';

const REGION = 'eu-central-1';
const SECRET = 'canary-of-a-secret-key';
const keys = { accessKeyId: 'AKIDFAKE', secretAccessKey: SECRET };
const ebsId = (at: number): string => `snap-${at.toString(16).padStart(17, '0')}`;

function witnessOf(url: string, more: Partial<Ec2WitnessOptions> = {}): SnapshotWitness {
  const client = new EC2Client({
    ...EC2_CLIENT_SETTINGS,
    endpoint: url,
    region: REGION,
    credentials: keys,
  });
  const ask = asking({ ...ASKING_DEFAULTS, random: () => 0 }, fakeClock());
  return ec2SnapshotWitness({ client, region: REGION, ask, ...more });
}

const FAULT_ANSWERS: Readonly<Record<Exclude<WitnessFault, 'hiccup'>, Ec2Fault>> = {
  denied: { status: 403, code: 'UnauthorizedOperation' },
  throttled: { status: 503, code: 'RequestLimitExceeded' },
  reset: 'reset',
  foreign: { html: '<html><body>Please sign in to the network</body></html>' },
};

snapshotWitnessContract('EBS on a fake of EC2', async () => {
  const snapshots: FakeEbsSnapshot[] = [
    { id: ebsId(1), tags: { 'velero.io/backup': 'daily' } },
    { id: ebsId(2), tags: { 'velero.io/backup': 'weekly' } },
    { id: ebsId(3), state: 'pending', progress: '37%', tags: { 'velero.io/backup': 'x' } },
    { id: ebsId(4), tags: { 'velero.io/backup-other': 'x' } },
    { id: ebsId(5) },
    { id: ebsId(6), owner: '210987654321', tags: { 'velero.io/backup': 'of somebody else' } },
  ];
  const fakes: FakeEc2[] = [];
  const start = async (fault?: FakeEc2Options['fault']): Promise<FakeEc2> => {
    const fake = await fakeEc2({ snapshots, pageSize: 2, ...(fault && { fault }) });
    fakes.push(fake);
    return fake;
  };
  const sound = await start();
  const faulty = new Map<string, FakeEc2>();
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
      [ebsId(1), { state: 'completed' as const, sizeBytes: 8 * 1024 ** 3, encrypted: false }],
      [ebsId(3), { state: 'pending' as const, progressPercent: 37, account: '123456789012' }],
      [ebsId(6), { account: '210987654321' }],
      [ebsId(5), { id: ebsId(5), region: REGION, volumeId: 'vol-0123456789abcdef0' }],
    ]),
    absent: [ebsId(100), ebsId(101)],
    elsewhere: [`arn:aws:ec2:us-east-1::snapshot/${ebsId(1)}`],
    tagKey: 'velero.io/backup',
    tagged: [ebsId(1), ebsId(2), ebsId(3)],
    requests: () => fakes.reduce((sum, { requests }) => sum + requests.length, 0),
    secrets: [SECRET],
    close: async () => {
      for (const fake of fakes) await fake.close();
    },
  };
});

describe('EBS snapshots', () => {
  let fake: FakeEc2;
  afterEach(async () => {
    await fake.close();
  });
  const start = async (options: FakeEc2Options): Promise<SnapshotWitness> => {
    fake = await fakeEc2(options);
    return witnessOf(fake.url);
  };
  const many = (count: number): FakeEbsSnapshot[] =>
    Array.from({ length: count }, (_, at) => ({ id: ebsId(at) }));

  test('a thousand that are there cost five requests', async () => {
    const snapshots = many(1000);
    const witness = await start({ snapshots });
    const answers = await witness.lookUp(snapshots.map(({ id }) => id));
    expect([...answers.values()].filter(({ outcome }) => outcome === 'found')).toHaveLength(1000);
    expect(fake.requests).toHaveLength(5);
  });

  test('each unknown one costs one request more', async () => {
    const snapshots = many(400);
    const witness = await start({ snapshots });
    const unknown = Array.from({ length: 7 }, (_, at) => ebsId(10_000 + at));
    const answers = await witness.lookUp([...snapshots.map(({ id }) => id), ...unknown]);
    expect(unknown.map((id) => answers.get(id))).toEqual(
      unknown.map(() => ({ outcome: 'absent' })),
    );
    expect([...answers.values()].filter(({ outcome }) => outcome === 'found')).toHaveLength(400);
    // Two full batches, and one of the unknown alone, which is empty after the last refusal.
    expect(fake.requests).toHaveLength(2 + 7);
  });

  test('where no id is named the batch is halved', async () => {
    const snapshots = many(64);
    const known = new Set(snapshots.map(({ id }) => id));
    const gone = ebsId(999);
    const fault: FakeEc2Options['fault'] = (request) =>
      [...request].some(([key, id]) => key.startsWith('SnapshotId') && !known.has(id))
        ? { status: 400, code: 'InvalidSnapshot.NotFound', message: '' }
        : undefined;
    const witness = await start({ snapshots, fault });
    const answers = await witness.lookUp([...known, gone]);
    expect(answers.get(gone)).toEqual({ outcome: 'absent' });
    expect([...answers.values()].filter(({ outcome }) => outcome === 'found')).toHaveLength(64);
    expect(fake.requests.length).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(65)) + 1);
  });

  test('an old id that begins like a named one is not taken for it', async () => {
    const short = 'snap-00000000';
    const witness = await start({ snapshots: [{ id: short }] });
    const answers = await witness.lookUp([short, ebsId(7)]);
    expect(answers.get(short)).toMatchObject({ outcome: 'found' });
    expect(answers.get(ebsId(7))).toEqual({ outcome: 'absent' });
  });

  test('what EC2 leaves out without a word is not absent', async () => {
    const witness = await start({ snapshots: [{ id: ebsId(1) }, { id: ebsId(2), hidden: true }] });
    const answers = await witness.lookUp([ebsId(1), ebsId(2)]);
    expect(answers.get(ebsId(2))).toMatchObject({ outcome: 'unchecked', reason: 'denied' });
  });

  test('one batch that is refused says nothing of the others', async () => {
    const snapshots = many(400);
    const fault: FakeEc2Options['fault'] = (request) =>
      request.get('SnapshotId.1') === ebsId(0) ? { status: 500, code: 'InternalError' } : undefined;
    const witness = await start({ snapshots, fault });
    const answers = await witness.lookUp(snapshots.map(({ id }) => id));
    expect(answers.get(ebsId(0))).toMatchObject({ outcome: 'unchecked', reason: 'unreachable' });
    expect(answers.get(ebsId(199))).toMatchObject({ outcome: 'unchecked' });
    expect(answers.get(ebsId(200))).toMatchObject({ outcome: 'found' });
  });

  test('what the first pages told stays told when a later one fails', async () => {
    const snapshots = many(6);
    const fault: FakeEc2Options['fault'] = (request) =>
      request.get('NextToken') === '4' ? FAULT_ANSWERS.denied : undefined;
    const witness = await start({ snapshots, pageSize: 2, fault });
    const answers = await witness.lookUp(snapshots.map(({ id }) => id));
    const outcomes = [...answers.values()].map(({ outcome }) => outcome);
    expect(outcomes).toEqual(['found', 'found', 'found', 'found', 'unchecked', 'unchecked']);
  });

  test('tells of archives, keys, failures and recycled ones', async () => {
    const key = 'arn:aws:kms:eu-central-1:123456789012:key/1';
    const witness = await start({
      snapshots: [
        {
          id: ebsId(1),
          more: `<encrypted>true</encrypted><kmsKeyId>${key}</kmsKeyId><storageTier>archive</storageTier>`,
        },
        {
          id: ebsId(2),
          state: 'error',
          more: '<statusMessage>the key is disabled</statusMessage>',
        },
        { id: ebsId(3), state: 'recoverable' },
        { id: ebsId(4), state: 'constructor' },
        { id: ebsId(5), tags: { ['__proto__']: 'x', constructor: 'y' } },
      ],
    });
    const answers = await witness.lookUp([1, 2, 3, 4, 5].map(ebsId));
    const facts = [1, 2, 3, 4, 5].map((at) => {
      const answer = answers.get(ebsId(at));
      return answer?.outcome === 'found' ? answer.facts : undefined;
    });
    expect(facts[0]).toMatchObject({
      archived: true,
      encrypted: true,
      keyId: key,
      tier: 'archive',
    });
    expect(facts[1]).toMatchObject({ state: 'failed', stateReason: 'the key is disabled' });
    expect(facts[2]).toMatchObject({ state: 'recoverable', archived: false });
    expect(facts[3]).toMatchObject({ state: 'other', vendorState: 'constructor' });
    expect(facts[4]?.tags.get('__proto__')).toBe('x');
  });

  test.each([
    [{ status: 401, code: 'AuthFailure' }, 'denied'],
    [{ status: 400, code: 'RequestExpired' }, 'denied'],
    [{ status: 403, code: 'Whatever' }, 'denied'],
    [{ status: 429, code: 'Whatever' }, 'throttled'],
    [{ status: 503, code: 'Unavailable' }, 'unreachable'],
    [{ status: 404, code: 'NoSuchPage' }, 'unreachable'],
    [{ status: 400, code: 'InvalidParameterValue' }, 'invalid'],
    [{ status: 400, code: 'InvalidSnapshotID.Malformed' }, 'invalid'],
    [{ status: 400, code: 'constructor' }, 'invalid'],
  ])('%o is %s', async (fault, reason) => {
    const witness = await start({ snapshots: [], fault: () => fault });
    const answers = await witness.lookUp([ebsId(1)]);
    expect(answers.get(ebsId(1))).toMatchObject({ outcome: 'unchecked', reason });
  });

  test('a page that names itself as the next one ends in an error', async () => {
    const fault: FakeEc2Options['fault'] = () => ({
      html: '<DescribeSnapshotsResponse><snapshotSet/><nextToken>again</nextToken></DescribeSnapshotsResponse>',
    });
    const witness = await start({ snapshots: [], fault });
    await expect(Array.fromAsync(witness.listTagged(['a']))).rejects.toMatchObject({
      code: 'unreachable',
    });
  });

  test('an aborted wait ends the call with the reason', async () => {
    fake = await fakeEc2({ snapshots: [], fault: () => FAULT_ANSWERS.throttled });
    const stop = new AbortController();
    const clock = { ...fakeClock(), sleep: async () => stop.abort(new Error('enough')) };
    const ask = asking({ ...ASKING_DEFAULTS, random: () => 0 }, clock);
    const witness = witnessOf(fake.url, { ask });
    await expect(witness.lookUp([ebsId(1)], { signal: stop.signal })).rejects.toThrow('enough');
    expect(fake.requests).toHaveLength(1);
  });

  test('tells of locks when it is asked to, by one request more', async () => {
    const snapshots = [
      { id: ebsId(1), lock: 'compliance' },
      { id: ebsId(2), lock: 'expired' },
      { id: ebsId(3) },
    ];
    const ids = snapshots.map(({ id }) => id);
    const witness = await start({ snapshots });
    const locksOf = async (locks: boolean) =>
      [...(await witness.lookUp(ids, { locks })).values()].map(
        (answer) => answer.outcome === 'found' && answer.facts.lock,
      );
    expect(await locksOf(false)).toEqual([undefined, undefined, undefined]);
    const endsAt = new Date('2026-12-21T10:52:23Z');
    expect(await locksOf(true)).toEqual([{ mode: 'compliance', endsAt }, 'none', 'none']);
    expect(fake.requests).toHaveLength(1 + 2);
  });

  test('a lock that could not be learnt is unknown, and the snapshot is found', async () => {
    const fault: FakeEc2Options['fault'] = (request) =>
      request.get('Action') === 'DescribeLockedSnapshots' ? FAULT_ANSWERS.denied : undefined;
    const witness = await start({ snapshots: [{ id: ebsId(1), lock: 'compliance' }], fault });
    const answers = await witness.lookUp([ebsId(1)], { locks: true });
    expect(answers.get(ebsId(1))).toMatchObject({ outcome: 'found', facts: { lock: 'unknown' } });
  });

  describe('of a stated account', () => {
    const inAccount = async (ofCaller: () => Promise<string>) => {
      fake = await fakeEc2({ snapshots: [{ id: ebsId(1) }] });
      return witnessOf(fake.url, { account: { id: '123456789012', ofCaller } });
    };

    test('nothing is absent for credentials of another one', async () => {
      const witness = await inAccount(async () => '999999999999');
      const answers = await witness.lookUp([ebsId(1), ebsId(2)]);
      expect(answers.get(ebsId(1))).toMatchObject({ outcome: 'found' });
      expect(answers.get(ebsId(2))).toMatchObject({
        outcome: 'unchecked',
        reason: 'other_account',
        message: expect.stringContaining('999999999999'),
      });
    });

    test('absent is absent for its own', async () => {
      const witness = await inAccount(async () => '123456789012');
      expect((await witness.lookUp([ebsId(2)])).get(ebsId(2))).toEqual({ outcome: 'absent' });
    });

    test('nothing is absent while the account cannot be looked at', async () => {
      const witness = await inAccount(() => Promise.reject(new StoreError('denied', 'no role')));
      const answers = await witness.lookUp([ebsId(2)]);
      expect(answers.get(ebsId(2))).toMatchObject({ outcome: 'unchecked', reason: 'denied' });
    });

    test('is not asked for while all is there', async () => {
      const witness = await inAccount(() => Promise.reject(new Error('asked')));
      expect((await witness.lookUp([ebsId(1)])).get(ebsId(1))).toMatchObject({ outcome: 'found' });
      const arn = `arn:aws:ec2:${REGION}:999999999999:snapshot/${ebsId(1)}`;
      expect((await witness.lookUp([arn])).get(arn)).toMatchObject({ reason: 'other_account' });
    });
  });
});
