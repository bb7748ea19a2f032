import { describe, expect, test } from 'vitest';
import { parseBlobName } from '../../shared/kopia/blob-names.ts';
import { listFixtures, loadFixture } from '../support/fixtures.ts';

describe('parseBlobName()', () => {
  test('knows every blob that the released tools wrote', async () => {
    const kinds = new Map<string, number>();
    for (const name of listFixtures('kopia')) {
      const { meta } = await loadFixture(name);
      for (const { prefix } of meta.repositories) {
        for (const { key } of meta.objects.filter((object) => object.key.startsWith(prefix))) {
          const { kind } = parseBlobName(key.slice(prefix.length));
          expect(kind, `${name}: ${key}`).not.toBe('unknown');
          kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        }
      }
    }
    expect([...kinds.keys()].sort()).toEqual(
      expect.arrayContaining([
        'blob-config',
        'format',
        'index',
        'index-v0',
        'log',
        'maintenance',
        'pack',
        'poison',
        'upgrade-backup',
        'velero-marker',
      ]),
    );
  });

  test.each([
    ['xe12', { kind: 'epoch-marker', epoch: 12 }],
    ['xw1700000000', { kind: 'deletion-watermark', unixSeconds: 1_700_000_000 }],
    [
      `xr0_6_${'b'.repeat(32)}-s0123456789abcdef-c2`,
      { kind: 'range-checkpoint', first: 0, last: 6 },
    ],
    ['z01234567-89ab-cdef-0123-456789abcdefa', { kind: 'provider-test' }],
    ['.shards', { kind: 'shards' }],
    ['P0123', { kind: 'unknown' }],
    ['p0123', { kind: 'unknown' }],
    ['kopia.repository.f', { kind: 'unknown' }],
    ['__proto__', { kind: 'unknown' }],
    ['', { kind: 'unknown' }],
  ])('takes %s apart', (id, expected) => {
    expect(parseBlobName(id)).toMatchObject(expected);
  });
});
