import { describe, expect, test } from 'vitest';
import { costOf, PRICES, readingOf } from '../../functions/cli/verify-cost.ts';
import { parseLocationUrl } from '../../shared/config/location.ts';

const S3 = parseLocationUrl('s3://acme-backups/velero');
const BLOB = parseLocationUrl('azblob://acmebackups/velero');
const MINIO = parseLocationUrl('s3://acme-backups/velero?endpoint=https://minio.example.com');
const FOLDER = parseLocationUrl('file:///srv/backups');

describe('what a run costs', () => {
  test('is the requests by their kind, and egress by itself', () => {
    const reading = { objectsToRead: 10_000, bytesToRead: 50e9, requestsToMake: 11_000 };
    const costs = costOf(reading, [S3]);
    expect(costs?.requestsUsd).toBeCloseTo(10 * 0.0004 + 1 * 0.005, 10);
    expect(costs?.egressUsd).toBeCloseTo(4.5, 10);
    expect(costs?.pricesAsOf).toMatch(/^\d{4}-\d{2}$/);
  });

  test('of two vendors goes by the dearer of each', () => {
    const reading = { objectsToRead: 1000, bytesToRead: 1e9, requestsToMake: 1000 };
    expect(costOf(reading, [S3, BLOB])).toMatchObject({
      requestsUsd: PRICES.azblob.get,
      egressUsd: PRICES.s3.egress,
    });
  });

  test('is not known where no list of prices applies', () => {
    const reading = { objectsToRead: 1, bytesToRead: 1, requestsToMake: 1 };
    expect(costOf(reading, [MINIO, FOLDER])).toBeUndefined();
    expect(costOf(reading, [MINIO, S3])).toBeDefined();
  });

  test('needs what a dry run measured', () => {
    expect(readingOf({ requests: 3 })).toBeUndefined();
    expect(readingOf({ objectsToRead: 2, bytesToRead: 5 })).toEqual({
      objectsToRead: 2,
      bytesToRead: 5,
      requestsToMake: 2,
    });
  });
});
