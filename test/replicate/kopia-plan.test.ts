import { describe, expect, test } from 'vitest';
import {
  isHalfChanged,
  type ListedIndex,
  type MutableBlobs,
  planMutable,
  publicationOrder,
} from '../../shared/replicate/kopia-plan.ts';
import type { ObjectInfo } from '../../shared/stores/store.ts';

const HASH = 'a'.repeat(32);
const index = (id: string, second: number): ListedIndex => {
  const lastModified = new Date(1_700_000_000_000 + second * 1000);
  const info = { key: id, sizeBytes: 1, etag: id, lastModified };
  return { id, lastModified, info };
};
const xn = (epoch: number, session: string, second: number): ListedIndex =>
  index(`xn${epoch}_${HASH}-s${session}-c1`, second);
const order = (blobs: readonly ListedIndex[], dataSessions: string[] = []): string[] =>
  publicationOrder(blobs, new Set(dataSessions)).map(({ id }) => id);

describe('publicationOrder()', () => {
  test('goes from markers over what readers use to the watermark', () => {
    const blobs = [
      index('xw1700000000', 9),
      xn(3, 'c3', 8),
      xn(0, 'c0', 1),
      index(`xs0_${HASH}-sd0-c1`, 7),
      index('xe3', 6),
      index('xe1', 3),
      xn(1, 'c1', 4),
    ];
    expect(order(blobs)).toEqual([
      'xe1',
      'xe3',
      `xs0_${HASH}-sd0-c1`,
      `xn1_${HASH}-sc1-c1`,
      `xn3_${HASH}-sc3-c1`,
      `xn0_${HASH}-sc0-c1`,
      'xw1700000000',
    ]);
  });

  test('takes the data of a second before the manifest that names it', () => {
    const [manifest, data] = [xn(0, 'a1', 5), xn(0, 'b2', 5)];
    expect(order([manifest, data], ['sb2'])).toEqual([data.id, manifest.id]);
    expect(order([manifest, xn(0, 'b2', 6)], ['sb2'])).toEqual([manifest.id, data.id]);
  });

  test('writes indexes without epochs before the logs that replace them', () => {
    const blobs = [index(`m${HASH}`, 1), index(`l${HASH}`, 0), index(`n${HASH}`, 2)];
    expect(order(blobs)).toEqual([`n${HASH}`, `m${HASH}`, `l${HASH}`]);
  });

  test('loses no blob and doubles none', () => {
    const blobs = [
      index('xe5', 0),
      ...[0, 1, 2, 3, 4, 5, 6, 7].map((epoch) => xn(epoch, `a${epoch}`, epoch)),
      index(`xs1_${HASH}-sb1-c2`, 3),
      index(`xr0_2_${HASH}-sb2-c1`, 4),
    ];
    expect(order(blobs).toSorted()).toEqual(blobs.map(({ id }) => id).toSorted());
  });
});

describe('planMutable()', () => {
  const info = (key: string, etag: string, second = 0): ObjectInfo => ({
    key,
    etag,
    sizeBytes: 10,
    lastModified: new Date(1_700_000_000_000 + second * 1000),
  });
  const copyOf = (source: ObjectInfo): ObjectInfo => ({
    ...source,
    etag: `copy of ${source.etag}`,
    lastModified: new Date(0),
    source: { etag: source.etag, lastModified: source.lastModified },
  });
  const blobs: Required<Omit<MutableBlobs, 'poison'>> = {
    format: info('kopia.repository', 'f1'),
    blobConfig: info('kopia.blobcfg', 'b1'),
    maintenance: info('kopia.maintenance', 'm1'),
    veleroMarker: info('udmrepo.Repository', 'v1'),
  };
  const copies: MutableBlobs = {
    format: copyOf(blobs.format),
    blobConfig: copyOf(blobs.blobConfig),
    maintenance: copyOf(blobs.maintenance),
    veleroMarker: copyOf(blobs.veleroMarker),
  };
  const steps = (source: MutableBlobs, target: MutableBlobs): string[] =>
    planMutable(source, target).map((step) =>
      step.kind === 'put' ? `put ${step.source.key}` : `remove ${step.target.key}`,
    );

  test('does nothing when nothing changed', () => {
    expect(steps(blobs, copies)).toEqual([]);
  });

  test("seeds with the format last of Kopia's blobs", () => {
    expect(steps(blobs, {})).toEqual([
      'put kopia.maintenance',
      'put kopia.blobcfg',
      'put kopia.repository',
      'put udmrepo.Repository',
    ]);
  });

  test('changes a password in three steps, each of which opens', () => {
    const changed = {
      ...blobs,
      format: info('kopia.repository', 'f2', 60),
      blobConfig: info('kopia.blobcfg', 'b2', 59),
    };
    expect(steps(changed, copies)).toEqual([
      'remove kopia.blobcfg',
      'put kopia.repository',
      'put kopia.blobcfg',
    ]);
  });

  test('continues a change that was cut off after its first step', () => {
    const changed = {
      ...blobs,
      format: info('kopia.repository', 'f2'),
      blobConfig: info('kopia.blobcfg', 'b2'),
    };
    const { blobConfig: _, ...afterRemoval } = copies;
    expect(steps(changed, afterRemoval)).toEqual(['put kopia.repository', 'put kopia.blobcfg']);
    const afterFormat = { ...afterRemoval, format: copyOf(changed.format) };
    expect(steps(changed, afterFormat)).toEqual(['put kopia.blobcfg']);
  });

  test('replaces a format alone without touching its config', () => {
    const changed = { ...blobs, format: info('kopia.repository', 'f2') };
    expect(steps(changed, copies)).toEqual(['put kopia.repository']);
  });

  test('does not follow a source that lost its config, unless the format changed as well', () => {
    const { blobConfig: _, ...without } = blobs;
    expect(steps(without, copies)).toEqual([]);
    const changed = { ...without, format: info('kopia.repository', 'f2') };
    expect(steps(changed, copies)).toEqual(['remove kopia.blobcfg', 'put kopia.repository']);
  });

  test('writes the poison of an upgrade behind the upgraded format', () => {
    const changed = {
      ...blobs,
      format: info('kopia.repository', 'f2'),
      poison: info('n000-repository_unreadable', 'p1'),
    };
    expect(steps(changed, copies)).toEqual([
      'put kopia.repository',
      'put n000-repository_unreadable',
    ]);
  });

  test('is half changed only while a config is younger than its format, and for a while', () => {
    const now = new Date(1_700_000_060_000);
    const later = { ...blobs, blobConfig: info('kopia.blobcfg', 'b2', 30) };
    expect(isHalfChanged(blobs, now)).toBe(false);
    expect(isHalfChanged(later, now)).toBe(true);
    expect(isHalfChanged(later, new Date(1_700_010_000_000))).toBe(false);
    const { blobConfig: _, ...without } = blobs;
    expect(isHalfChanged(without, now)).toBe(false);
  });
});
