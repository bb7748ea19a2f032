/** Snapshots that moto's EC2 made, seen through a proxy that behaves like EC2 where moto does not. */
import {
  CopySnapshotCommand,
  CreateSnapshotCommand,
  CreateVolumeCommand,
  DeleteSnapshotCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ebsWitness } from '../../functions/clients/ec2.ts';
import { ASKING_DEFAULTS, asking } from '../../shared/snapshots/asking.ts';
import { EC2_CLIENT_SETTINGS, ec2SnapshotWitness } from '../../shared/snapshots/ec2-snapshots.ts';
import type { SnapshotWitness } from '../../shared/snapshots/snapshot-witness.ts';
import { snapshotWitnessContract, type WitnessFault } from '../contract/snapshot-witness.ts';
import { fakeClock } from '../support/clock.ts';
import { type Ec2Proxy, type Ec2ProxyAnswer, startEc2Proxy } from './ec2-proxy.ts';
import { type S3Service, startMoto } from './s3-services.ts';

/** Whose account moto plays. */
const MOTO_ACCOUNT = '123456789012';
const TAG = 'velero.io/backup';
const ask = () => asking({ ...ASKING_DEFAULTS, random: () => 0 }, fakeClock());

const FAULTS: Readonly<Record<Exclude<WitnessFault, 'hiccup'>, Ec2ProxyAnswer>> = {
  denied: { status: 403, code: 'UnauthorizedOperation' },
  throttled: { status: 503, code: 'RequestLimitExceeded' },
  reset: 'reset',
  foreign: { html: '<html><body>Please sign in to the network</body></html>' },
};

snapshotWitnessContract('EBS on moto behind a proxy', async () => {
  const moto = await startMoto();
  const ids = await makeSnapshots(moto, 5, ['a', 'b', 'c']);
  const [first = '', second = '', third = '', fourth = '', fifth = ''] = ids;
  await deleteSnapshot(moto, fifth);
  const target = moto.endpoint;
  const pending = new Set([second]);
  const proxies: Ec2Proxy[] = [];
  const start = async (answer?: (at: number) => Ec2ProxyAnswer | undefined) => {
    const proxy = await startEc2Proxy({ target, pageSize: 2, pending, ...(answer && { answer }) });
    proxies.push(proxy);
    return proxy;
  };
  const sound = await start();
  const faulty = new Map<string, Ec2Proxy>();
  for (const [name, fault] of Object.entries(FAULTS)) faulty.set(name, await start(() => fault));
  let hiccups = 0;
  const hiccup = await start(() => (hiccups++ < 2 ? FAULTS.throttled : undefined));
  return {
    witness: (fault) => {
      hiccups = 0;
      const proxy = fault === 'hiccup' ? hiccup : faulty.get(fault ?? '');
      return witnessOf(moto, (proxy ?? sound).url);
    },
    present: new Map([
      [first, { state: 'completed' as const, sizeBytes: 8 * 1024 ** 3, account: MOTO_ACCOUNT }],
      [second, { state: 'pending' as const, progressPercent: 42 }],
      [fourth, { state: 'completed' as const, progressPercent: 100, archived: false }],
    ]),
    // One that never was, and one that was.
    absent: ['snap-0123456789abcdef0', fifth],
    elsewhere: [`arn:aws:ec2:eu-west-1::snapshot/${first}`],
    tagKey: TAG,
    tagged: [first, second, third],
    requests: () => proxies.reduce((sum, { actions }) => sum + actions.length, 0),
    secrets: [moto.credentials.secretAccessKey],
    close: async () => {
      for (const proxy of proxies) await proxy.close();
      await moto.stop();
    },
  };
});

describe('EBS snapshots of moto', () => {
  let moto: S3Service;
  beforeAll(async () => {
    moto = await startMoto();
  });
  afterAll(async () => {
    await moto.stop();
  });

  test('are found with tags, volume and key, and gone when they are deleted', async () => {
    const [id = ''] = await makeSnapshots(moto, 1, ['daily']);
    const witness = witnessOf(moto, moto.endpoint);
    const answer = (await witness.lookUp([id])).get(id);
    const facts = { volumeId: expect.stringMatching(/^vol-/), encrypted: false };
    expect(answer).toMatchObject({ outcome: 'found', facts });
    expect(answer?.outcome === 'found' && answer.facts.tags.get(TAG)).toBe('daily');
    const copy = await encryptedCopy(moto, id);
    expect((await witness.lookUp([copy])).get(copy)).toMatchObject({
      facts: { encrypted: true, keyId: expect.stringContaining('key/') },
    });
    await deleteSnapshot(moto, id);
    expect((await witness.lookUp([id])).get(id)).toEqual({ outcome: 'absent' });
  });

  test('are pending until their data is copied', async () => {
    const [id = ''] = await makeSnapshots(moto, 1, []);
    const pending = new Set([id]);
    const proxy = await startEc2Proxy({ target: moto.endpoint, pending });
    const witness = witnessOf(moto, proxy.url);
    const states: unknown[] = [];
    for (let look = 0; look < 2; look += 1) {
      const answer = (await witness.lookUp([id])).get(id);
      states.push(answer?.outcome === 'found' && answer.facts.state);
      pending.clear();
    }
    await proxy.close();
    expect(states).toEqual(['pending', 'completed']);
  });

  test('250, 3 of them gone, in fewer requests than snapshots', async () => {
    const ids = await makeSnapshots(moto, 250, []);
    const gone = [ids[3], ids[120], ids[249]].map((id = '') => id);
    for (const id of gone) await deleteSnapshot(moto, id);
    const proxy = await startEc2Proxy({ target: moto.endpoint });
    const answers = await witnessOf(moto, proxy.url).lookUp(ids);
    await proxy.close();
    const absent = [...answers].filter(([, { outcome }]) => outcome === 'absent');
    expect(absent.map(([id]) => id).sort()).toEqual([...gone].sort());
    expect([...answers.values()].filter(({ outcome }) => outcome === 'found')).toHaveLength(247);
    expect(proxy.actions.length).toBeGreaterThan(2);
    // moto names no id, so each of the 3 costs two requests per halving of its batch at most.
    expect(proxy.actions.length).toBeLessThanOrEqual(2 + 3 * 2 * Math.ceil(Math.log2(200)));
  });

  test('are not called absent by the credentials of another account', async () => {
    const gone = 'snap-0123456789abcdef0';
    const reasons: unknown[] = [];
    for (const account of [MOTO_ACCOUNT, '999999999999']) {
      const access = {
        accessKey: {
          id: { scheme: 'env', name: 'KEY' },
          secret: { scheme: 'env', name: 'SECRET' },
        },
      } as const;
      const { accessKeyId: KEY, secretAccessKey: SECRET } = moto.credentials;
      const sources = {
        env: { KEY, SECRET },
        readFile: () => Promise.reject(new Error('no file')),
      };
      const place = { region: moto.region, account, endpoint: moto.endpoint };
      const witness = await ebsWitness(place, access, sources, ask());
      reasons.push((await witness.lookUp([gone])).get(gone));
    }
    expect(reasons).toEqual([
      { outcome: 'absent' },
      expect.objectContaining({ outcome: 'unchecked', reason: 'other_account' }),
    ]);
  });
});

function clientOf(moto: S3Service, endpoint = moto.endpoint): EC2Client {
  const { region, credentials } = moto;
  return new EC2Client({ ...EC2_CLIENT_SETTINGS, endpoint, region, credentials });
}

function witnessOf(moto: S3Service, endpoint: string): SnapshotWitness {
  return ec2SnapshotWitness({ client: clientOf(moto, endpoint), region: moto.region, ask: ask() });
}

/** Of one disk; the first ones carry the tag, with these values. */
async function makeSnapshots(
  moto: S3Service,
  count: number,
  backups: readonly string[],
): Promise<string[]> {
  const client = clientOf(moto);
  const { VolumeId } = await client.send(
    new CreateVolumeCommand({ AvailabilityZone: `${moto.region}a`, Size: 8, VolumeType: 'gp3' }),
  );
  const ids: string[] = [];
  for (let at = 0; at < count; at += 1) {
    const Tags = [{ Key: backups[at] === undefined ? 'other' : TAG, Value: backups[at] ?? '' }];
    const TagSpecifications = [{ ResourceType: 'snapshot' as const, Tags }];
    const made = await client.send(new CreateSnapshotCommand({ VolumeId, TagSpecifications }));
    ids.push(made.SnapshotId ?? '');
  }
  client.destroy();
  return ids;
}

async function encryptedCopy(moto: S3Service, id: string): Promise<string> {
  const client = clientOf(moto);
  const { SnapshotId = '' } = await client.send(
    new CopySnapshotCommand({
      SourceSnapshotId: id,
      SourceRegion: moto.region,
      Encrypted: true,
      KmsKeyId: `arn:aws:kms:${moto.region}:${MOTO_ACCOUNT}:key/11111111-2222-3333-4444-555555555555`,
    }),
  );
  client.destroy();
  return SnapshotId;
}

async function deleteSnapshot(moto: S3Service, SnapshotId: string): Promise<void> {
  const client = clientOf(moto);
  await client.send(new DeleteSnapshotCommand({ SnapshotId }));
  client.destroy();
}
