import { describe, expect, test } from 'vitest';
import { colorsOf } from '../../functions/cli/terminal.ts';
import { costOf, PRICES, readingOf } from '../../functions/cli/verify-cost.ts';
import { verifyText } from '../../functions/cli/verify-text.ts';
import { parseLocationUrl } from '../../shared/config/location.ts';

const S3 = parseLocationUrl('s3://acme-backups/velero');
const BLOB = parseLocationUrl('azblob://acmebackups/velero');
const MINIO = parseLocationUrl('s3://acme-backups/velero?endpoint=https://minio.example.com');
const FOLDER = parseLocationUrl('file:///srv/backups');

const COLORS = colorsOf({ write: () => undefined }, {});

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

  test('is said roughly, in cents', () => {
    const reading = { objectsToRead: 10_000, bytesToRead: 50e9, requestsToMake: 11_000 };
    const told = (measures: typeof reading) => {
      const at = '2026-11-21T11:30:00.000Z';
      const run = { job: 'verify', id: '1', version: '1', startedAt: at, finishedAt: at } as const;
      const nothing = { verdicts: [], findings: [], actions: [] };
      const report = {
        schema: 'drydock/report/v1',
        run: { ...run, dryRun: true },
        scope: { locations: 's3://acme-backups/velero' },
        ...nothing,
        measures,
      } as const;
      return verifyText(report, costOf(measures, [S3]), new Date(at), COLORS);
    };
    expect(told(reading)).toContain(
      `Would read 10000 objects, 46.6 GiB, by 11000 requests
Costs roughly less than 0.01 USD for requests, and 4.50 USD more for egress where it runs outside`,
    );
    expect(told({ ...reading, requestsToMake: 1_010_000 })).toContain('roughly 5.00 USD for');
    expect(told({ ...reading, bytesToRead: 0 })).toContain('and 0 USD more for egress');
  });
});
