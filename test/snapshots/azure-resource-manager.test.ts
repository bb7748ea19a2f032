import { afterEach, describe, expect, test } from 'vitest';
import type { SnapshotWitness } from '../../shared/snapshots/snapshot-witness.ts';
import { fakeClock } from '../support/clock.ts';
import {
  type ArmFault,
  type FakeArm,
  type FakeArmOptions,
  type FakeDiskSnapshot,
  fakeArm,
} from '../support/fake-arm.ts';
import { armId, SUBSCRIPTION, TOKEN, witnessOf } from './azure-world.ts';

describe('answers of Azure Resource Manager', () => {
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
