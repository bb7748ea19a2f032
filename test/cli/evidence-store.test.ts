import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { openStore } from '../../functions/stores.ts';
import { parseLocationUrl } from '../../shared/config/location.ts';
import { appendEvidence } from '../../shared/ledger/evidence.ts';
import type { Chain } from '../../shared/ledger/evidence-record.ts';
import { systemClock } from '../support/clock.ts';
import { type S3Server, startS3Server } from '../support/s3-server/server.ts';
import { parsed } from './drydock.ts';
import { inProcess } from './kopia-run.ts';

const CHAIN: Chain = { job: 'verify', location: 's3://acme-backups/velero' };
let s3: S3Server;
let url: string;

beforeAll(async () => {
  s3 = await startS3Server();
  s3.createBucket('acme-drydock');
  url = `s3://acme-drydock/state?endpoint=${s3.endpoint}`;
  vi.stubEnv('AWS_ACCESS_KEY_ID', s3.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', s3.credentials.secretAccessKey);
  const place = { location: parseLocationUrl(url), access: {} };
  const log = { log: () => undefined };
  const state = await openStore(place, { env: process.env, clock: systemClock, log });
  let ids = 0;
  const deps = { state, uniqueId: () => `id-${ids++}` };
  // Two runs at once, on a store that really decides who was first.
  for (const n of [1, 2, 3]) {
    const entry = { at: `2026-01-0${n}T00:00:00.000Z`, content: { n } };
    await Promise.all(
      ['a', 'b'].map((run) => appendEvidence(deps, CHAIN, { ...entry, runId: `${n}${run}` })),
    );
  }
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await s3.close();
});

afterEach(() => s3.setFault(undefined));

const verify = () => inProcess(['evidence', 'verify', '--state', url, '--output', 'json']);

describe('evidence in a bucket', () => {
  test('is verified, with nothing but reading', async () => {
    const before = s3.requests.length;
    const { code, stdout } = await verify();
    expect(code).toBe(0);
    expect(parsed(stdout)).toMatchObject({ chains: [{ ...CHAIN, records: 6, problems: [] }] });
    const methods = new Set(s3.requests.slice(before).map(({ method }) => method));
    expect([...methods].filter((method) => method !== 'GET' && method !== 'HEAD')).toEqual([]);
    // One per record, the head twice, the anchor, three listings.
    expect(s3.requests.length - before).toBeLessThanOrEqual(6 + 6);
  });

  test.each([
    ['the head', 'head.json'],
    ['the anchor', 'anchor.json'],
    ['a record', '0000000004.json'],
    ['the listing', ''],
  ])('that is denied (%s) ends with 3: denied is never absent', async (_, name) => {
    s3.setFault(({ key }) =>
      (name === '' ? key === '' : key.endsWith(name))
        ? { answer: { status: 403, code: 'AccessDenied' } }
        : undefined,
    );
    const { code, stdout } = await verify();
    expect(code).toBe(3);
    expect(parsed(stdout)).toMatchObject({ error: { code: 'denied' } });
  });

  test.each([
    ['throttled', { answer: { status: 503, code: 'SlowDown' } }],
    ['cut off', { cutBodyAfterBytes: 10 }],
  ])('that is %s at first is read in the end', async (_, fault) => {
    const hit = new Set<string>();
    s3.setFault(({ key, method }) => {
      if (method !== 'GET' || !key.endsWith('.json') || hit.has(key)) return undefined;
      hit.add(key);
      return fault;
    });
    const { code, stdout } = await verify();
    expect(hit.size).toBeGreaterThan(6);
    expect(code).toBe(0);
    expect(parsed(stdout)).toMatchObject({ chains: [{ records: 6, problems: [] }] });
  });
});
