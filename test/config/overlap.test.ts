import { describe, expect, test } from 'vitest';
import { parseLocationUrl } from '../../shared/config/location.ts';
import { checkApart, checkState, overlap } from '../../shared/config/overlap.ts';

const at = parseLocationUrl;

describe('overlap()', () => {
  test.each([
    ['s3://acme/velero', 's3://acme/velero/', 'same'],
    ['s3://acme/velero', 's3://acme/velero?region=eu-central-1', 'same'],
    ['s3://acme/v', 's3://acme/v?endpoint=https://s3.eu-central-1.amazonaws.com', 'same'],
    ['s3://acme/v', 's3://acme/v?endpoint=https://s3.amazonaws.com:443', 'same'],
    ['s3://acme', 's3://acme/velero', 'nested'],
    ['s3://acme/velero/prod', 's3://acme/velero', 'nested'],
    ['s3://acme/velero', 's3://acme/velero2', undefined],
    ['s3://acme/velero', 's3://acme-dr/velero', undefined],
    ['s3://acme/v', 's3://acme/v?endpoint=http://minio:9000', undefined],
    [
      's3://acme/v?endpoint=http://localhost:9000',
      's3://acme/v?endpoint=http://127.0.0.1:9000',
      'same',
    ],
    [
      's3://acme/v?endpoint=http://127.0.0.1:9000',
      's3://acme/v?endpoint=http://127.0.0.1:9001',
      undefined,
    ],
    ['s3://acme/v?endpoint=http://MINIO', 's3://acme/v?endpoint=https://minio:443', 'same'],
    ['azblob://acme/velero', 'azblob://acme/velero/x', 'nested'],
    [
      'azblob://acme/velero',
      'azblob://acme/velero?endpoint=https://acme.blob.core.windows.net',
      'same',
    ],
    ['azblob://acme/velero', 'azblob://acme/velero2', undefined],
    ['azblob://acme/velero', 'azblob://acme2/velero', undefined],
    ['azblob://acme/velero', 's3://acme/velero', undefined],
    ['file:///srv/backups', 'file:///srv/./backups/', 'same'],
    ['file:///srv/backups', 'file:///srv/backups/velero', 'nested'],
    ['file:///srv/backups', 'file:///srv/backups2', undefined],
  ])('of %s and %s', (left, right, expected) => {
    expect(overlap(at(left), at(right))).toBe(expected);
    expect(overlap(at(right), at(left))).toBe(expected);
  });
});

describe('checkApart()', () => {
  test('refuses the same place and nested ones, each with its code', () => {
    const velero = at('s3://acme/velero');
    expect(() => checkApart(velero, velero)).toThrow(
      expect.objectContaining({ code: 'SAME_PLACE', failure: 'usage' }),
    );
    expect(() => checkApart(velero, at('s3://acme'))).toThrow(
      expect.objectContaining({ code: 'NESTED_PLACES', failure: 'usage' }),
    );
    checkApart(velero, at('s3://acme/replica'));
  });
});

describe('checkState()', () => {
  const root = (url: string) => ({ location: at(url), layout: 'velero' as const });

  test.each([
    ['s3://acme/velero/state', 's3://acme/velero'],
    ['s3://acme/velero', 's3://acme/velero'],
    ['s3://acme/drydock', 's3://acme'],
    ['azblob://acme/c01/drydock', 'azblob://acme/c01'],
    ['file:///srv/velero/.drydock', 'file:///srv/velero'],
  ])('refuses a state at %s when Velero writes to %s', (state, velero) => {
    expect(() => checkState(at(state), root(velero))).toThrow(
      expect.objectContaining({ code: 'STATE_IN_ROOT', failure: 'usage' }),
    );
  });

  test('says that a root without a prefix is the whole bucket', () => {
    expect(() => checkState(at('s3://acme/drydock'), root('s3://acme'))).toThrow(/whole bucket/);
  });

  test.each([
    ['s3://acme/drydock', 's3://acme/velero'],
    ['s3://acme-drydock', 's3://acme'],
    ['file:///srv/drydock', 's3://acme'],
  ])('takes a state at %s when Velero writes to %s', (state, velero) => {
    checkState(at(state), root(velero));
  });
});
