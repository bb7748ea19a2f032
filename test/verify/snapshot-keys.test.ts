import { expect, test } from 'vitest';
import type { DescribeKey } from '../../shared/stores/settings.ts';
import { codesOf, findingOf, rowOf } from './answers.ts';
import { veleroWorld } from './world.ts';

const KEY = 'arn:aws:kms:us-east-1:123456789012:key/0';
const telling = (state: 'enabled' | 'pending-deletion'): DescribeKey => {
  return async (id) => ({ outcome: 'told', value: { id, state } });
};

test('a snapshot whose key cannot be used is no recovery point, though it is there', async () => {
  const world = await veleroWorld(KEY);
  const usable = await world.run({ location: { snapshotKeys: telling('enabled') } });
  expect(rowOf(usable, 'archive').proven?.point).toBe('archive-native');
  const lost = await world.run({ location: { snapshotKeys: telling('pending-deletion') } });
  expect(findingOf(lost, 'SNAPSHOT_FAILED', 'archive-native').message).toContain(
    'pending-deletion',
  );
  expect(rowOf(lost, 'archive').proven).toBeUndefined();
});

test('a key about which nobody tells changes nothing, and is named among what was not asked', async () => {
  const world = await veleroWorld(KEY);
  const snapshotKeys: DescribeKey = async () => ({ outcome: 'unchecked', reason: '-', hint: '-' });
  const report = await world.run({ location: { snapshotKeys } });
  expect(codesOf(report)).not.toContain('SNAPSHOT_FAILED');
  expect(rowOf(report, 'archive').proven?.point).toBe('archive-native');
  expect(report.ladders?.[0]?.unchecked).toEqual([expect.stringContaining(KEY)]);
});
