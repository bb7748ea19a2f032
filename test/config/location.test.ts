import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Location, locationUrl, parseLocationUrl } from '../../shared/config/location.ts';
import { DrydockError } from '../../shared/model/errors.ts';

function refused(url: string): DrydockError {
  try {
    parseLocationUrl(url);
  } catch (error) {
    expect(error).toBeInstanceOf(DrydockError);
    return error as DrydockError;
  }
  throw new Error(`"${url}" was accepted`);
}

describe('parseLocationUrl()', () => {
  test.each<readonly [string, Location]>([
    ['s3://acme/velero', { kind: 's3', bucket: 'acme', prefix: 'velero/' }],
    ['s3://acme', { kind: 's3', bucket: 'acme', prefix: '' }],
    ['s3://acme/', { kind: 's3', bucket: 'acme', prefix: '' }],
    ['S3://acme//a/b//', { kind: 's3', bucket: 'acme', prefix: 'a/b/' }],
    ['s3://acme/my%20cluster', { kind: 's3', bucket: 'acme', prefix: 'my cluster/' }],
    [
      's3://acme/v?region=eu-central-1&endpoint=http://127.0.0.1:9000/&checksums=none',
      {
        kind: 's3',
        bucket: 'acme',
        prefix: 'v/',
        region: 'eu-central-1',
        endpoint: 'http://127.0.0.1:9000',
        checksums: 'none',
      },
    ],
    [
      'azblob://acmebackups/velero/prod/eu',
      { kind: 'azblob', account: 'acmebackups', container: 'velero', prefix: 'prod/eu/' },
    ],
    [
      'azblob://devstoreaccount1/c01?endpoint=http://127.0.0.1:10000/devstoreaccount1',
      {
        kind: 'azblob',
        account: 'devstoreaccount1',
        container: 'c01',
        prefix: '',
        endpoint: 'http://127.0.0.1:10000/devstoreaccount1',
      },
    ],
    ['file:///srv/backups/', { kind: 'file', path: '/srv/backups' }],
    ['file:///srv/../srv/a%20b', { kind: 'file', path: '/srv/a b' }],
  ])('takes %s', (url, location) => {
    expect(parseLocationUrl(url)).toEqual(location);
  });

  test.each([
    ['s3://', 'the bucket is missing', 's3://bucket/prefix'],
    ['s3:///velero', 'the bucket is missing', 's3://bucket/prefix'],
    ['s3://a_/x', '"a_" is no name of a bucket', 's3://bucket/prefix'],
    ['s3://acme/v?regoin=x', 'unknown parameter "regoin"', 'Did you mean "region"?'],
    ['s3://acme/v?region=', '"region" is empty', 'Give it a value'],
    ['s3://acme/v?region=a&region=b', '"region" is given twice', 'once'],
    ['s3://acme/v?checksums=crc32', '"checksums" must be "none"', 'Leave it out'],
    ['s3://acme/v?endpoint=minio:9000', 'no http or https URL', 'https://minio'],
    ['s3://acme/v?endpoint=https://u:p@minio', 'more than scheme', 'Take credentials'],
    ['s3://acme/a/../b', '"." or ".." segment', 'without them'],
    ['s3://acme/a%2', 'broken percent escape', '%25'],
    ['s3://acme/a#b', 'fragment', '%23'],
    ['azblob://acmebackups', 'the container is missing', 'azblob://account/container'],
    ['azblob:///c', 'the account is missing', 'azblob://account/container'],
    ['azblob://acme.blob.core.windows.net/c01', 'storage account', 'azblob://acme/c01'],
    ['azblob://acmebackups/Velero', '"Velero" is no name of a container', 'azblob://'],
    ['azblob://acmebackups/velero?region=x', 'unknown parameter "region"', 'It takes endpoint'],
    ['file://srv/backups', 'it names the host "srv"', 'file:///srv/backups'],
    ['file:///', 'it names no folder', 'file:///path'],
    ['file:///x?region=a', 'unknown parameter "region"', 'It takes none'],
    ['/srv/backups', 'it is no URL', 'Write file:///srv/backups'],
    ['backups', 'it is no URL', 's3://bucket/prefix'],
    ['gs://acme/velero', 'scheme "gs://"', 'Use s3://'],
    ['azblb://acme/velero', 'scheme "azblb://"', 'Did you mean "azblob://"?'],
    ['https://acme.blob.core.windows.net/c01/v', 'scheme "https://"', 'azblob://acme/c01/v'],
  ])('refuses %s', (url, reason, hint) => {
    const error = refused(url);
    expect(error.message).toContain(reason);
    expect(error.hint).toContain(hint);
    expect(error).toMatchObject({ code: 'LOCATION_INVALID', failure: 'usage' });
  });

  test.each([
    's3://AKIACANARY:canary@acme/velero',
    'azblob://canary@acme/velero',
    'https://acme.blob.core.windows.net/c?sv=2026&sig=canary',
    's3://acme/v?X-Amz-Signature=canary',
    's3://acme/v?endpoint=https://user:canary@minio',
    'canary=canary',
  ])('shows no credentials that were pasted along: %s', (url) => {
    const { message, hint } = refused(url);
    expect(`${message} ${hint}`).not.toContain('canary');
  });
});

describe('locationUrl()', () => {
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9-]{1,20}[a-z0-9]$/);
  const segment = fc
    .string({ minLength: 1, maxLength: 8, unit: 'grapheme' })
    .filter((text) => !/[/\p{Cc}]|^\.{1,2}$/u.test(text) && text.isWellFormed());
  const prefix = fc
    .array(segment, { maxLength: 3 })
    .map((parts) => (parts.length === 0 ? '' : `${parts.join('/')}/`));
  const endpoint = fc.constantFrom('http://127.0.0.1:9000', 'https://minio.example/base');
  const location: fc.Arbitrary<Location> = fc.oneof(
    fc.record(
      {
        kind: fc.constant('s3' as const),
        bucket: name,
        prefix,
        region: fc.constantFrom('eu-central-1', 'us-east-1'),
        endpoint,
        checksums: fc.constant('none' as const),
      },
      { requiredKeys: ['kind', 'bucket', 'prefix'] },
    ),
    fc.record(
      {
        kind: fc.constant('azblob' as const),
        account: fc.stringMatching(/^[a-z0-9]{3,24}$/),
        container: fc.constantFrom('velero', 'a-b-c', '$web'),
        prefix,
        endpoint,
      },
      { requiredKeys: ['kind', 'account', 'container', 'prefix'] },
    ),
    fc.record({
      kind: fc.constant('file' as const),
      path: fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`),
    }),
  );

  test('gives a URL that parses to the same location', () => {
    fc.assert(
      fc.property(location, (original) => {
        expect(parseLocationUrl(locationUrl(original))).toEqual(original);
      }),
    );
  });
});
