/** The ids that a real Velero wrote, looked up among what its cloud answered at the time. */
import { gunzipSync } from 'node:zlib';
import { EC2Client } from '@aws-sdk/client-ec2';
import { expect, test } from 'vitest';
import { ASKING_DEFAULTS, asking } from '../../shared/snapshots/asking.ts';
import { EC2_CLIENT_SETTINGS, ec2SnapshotWitness } from '../../shared/snapshots/ec2-snapshots.ts';
import { fakeClock } from '../support/clock.ts';
import { fakeEc2 } from '../support/fake-ec2.ts';
import { loadFixture } from '../support/fixtures.ts';

interface CloudAnswer {
  readonly SnapshotId: string;
  readonly State: string;
  readonly Progress: string;
  readonly Tags: readonly { readonly Key: string; readonly Value: string }[];
}

interface NativeRecord {
  readonly spec: { readonly backupName: string };
  readonly status: { readonly providerSnapshotID: string };
}

test('every native snapshot of the Velero fixture is found, with the tag of its backup', async () => {
  const fixture = await loadFixture('velero/v1.18.2');
  const cloud = fixture.answer('answers/cloud', 'snapshots') as readonly CloudAnswer[];
  const lists = fixture.objects.filter(({ key }) => key.endsWith('-volumesnapshots.json.gz'));
  const records: NativeRecord[] = [];
  for (const list of lists) {
    const text = gunzipSync(await list.bytes()).toString('utf8');
    records.push(...((JSON.parse(text) as NativeRecord[] | null) ?? []));
  }
  expect(records).toHaveLength(cloud.length);

  const ec2 = await fakeEc2({
    snapshots: cloud.map(({ SnapshotId: id, State: state, Progress: progress, Tags }) => ({
      id,
      state,
      progress,
      tags: Object.fromEntries(Tags.map(({ Key, Value }) => [Key, Value])),
    })),
  });
  try {
    const region = 'us-east-1';
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    const client = new EC2Client({
      ...EC2_CLIENT_SETTINGS,
      endpoint: ec2.url,
      region,
      credentials,
    });
    const ask = asking({ ...ASKING_DEFAULTS, random: () => 0 }, fakeClock());
    const witness = ec2SnapshotWitness({ client, region, ask });
    const answers = await witness.lookUp(records.map(({ status }) => status.providerSnapshotID));
    for (const { spec, status } of records) {
      const answer = answers.get(status.providerSnapshotID);
      expect(answer).toMatchObject({ outcome: 'found', facts: { state: 'completed' } });
      const tags = answer?.outcome === 'found' ? answer.facts.tags : new Map();
      expect(tags.get('velero.io/backup')).toBe(spec.backupName);
    }
    const tagged = await Array.fromAsync(witness.listTagged(['velero.io/backup']));
    expect(tagged).toHaveLength(records.length);
  } finally {
    await ec2.close();
  }
});
