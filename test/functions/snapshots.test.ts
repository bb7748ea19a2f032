import { afterEach, describe, expect, test, vi } from 'vitest';
import { snapshotWitnessOf } from '../../functions/snapshots.ts';
import type { NamedLocation } from '../../shared/config/config.ts';
import { parseLocationUrl } from '../../shared/config/location.ts';
import { systemClock } from '../support/clock.ts';
import { fakeEc2 } from '../support/fake-ec2.ts';
import { silentLogger } from '../support/logger.ts';

const SNAPSHOT = 'snap-0123456789abcdef0';

const place = (more: Partial<NamedLocation>): NamedLocation => ({
  name: 'here',
  layout: 'velero',
  location: parseLocationUrl('s3://acme-backups/velero'),
  access: {},
  ...more,
});

const witness = (of: NamedLocation) =>
  snapshotWitnessOf(of, { env: process.env, clock: systemClock, log: silentLogger });

afterEach(() => vi.unstubAllEnvs());

describe('the witness of the snapshots of a location', () => {
  test('is nobody where the configuration names no cloud for them', async () => {
    expect(await witness(place({}))).toBeUndefined();
  });

  test('is the subscription that is named', async () => {
    const subscription = '11111111-2222-3333-4444-555555555555';
    const found = await witness(place({ snapshots: { kind: 'azure', subscription } }));
    expect(found?.place).toContain(subscription);
  });

  test('is EC2 in the region that is named, by the standard chain', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDCHAIN');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    const ec2 = await fakeEc2({ snapshots: [{ id: SNAPSHOT }] });
    try {
      const snapshots = {
        kind: 'aws',
        account: '123456789012',
        region: 'eu-central-1',
        endpoint: ec2.url,
      } as const;
      const found = await witness(place({ snapshots }));
      const answers = await found?.lookUp([SNAPSHOT]);
      expect(answers?.get(SNAPSHOT)).toMatchObject({ outcome: 'found' });
      expect(ec2.requests.length).toBeGreaterThan(0);
    } finally {
      await ec2.close();
    }
  });
});
