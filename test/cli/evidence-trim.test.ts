import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { appendEvidence } from '../../shared/ledger/evidence.ts';
import { type Chain, evidenceKey } from '../../shared/ledger/evidence-record.ts';
import { chainFolder } from '../../shared/ledger/keys.ts';
import { ed25519Signer, type Signer } from '../../shared/ledger/signature.ts';
import { fileStore } from '../../shared/stores/file.ts';
import { fakeClock } from '../support/clock.ts';
import { folder } from './drydock.ts';
import { inProcess } from './kopia-run.ts';
import { published } from './published.ts';

const NOW = new Date('2027-06-01T00:00:00Z');
const PROD: Chain = { job: 'verify', location: 's3://acme-backups/velero' };
const LAB: Chain = { job: 'kopia-verify', location: 'azblob://acmelab/velero' };

/** Two chains of six records each, a hundred days apart: the last one is a day old. */
async function stateWith(signer?: Signer) {
  const cwd = await folder();
  const path = join(cwd, 'state');
  await mkdir(path);
  let ids = 0;
  const uniqueId = () => `id-${ids++}`;
  const deps = { state: fileStore({ path }), uniqueId, ...(signer && { signer }) };
  for (const chain of [PROD, LAB]) {
    for (let n = 1; n <= 6; n += 1) {
      const at = new Date(NOW.getTime() - ((6 - n) * 100 + 1) * 86_400_000).toISOString();
      await appendEvidence(deps, chain, { at, runId: `run-${n}`, content: {} });
    }
  }
  const clock = fakeClock(NOW);
  const evidence = (...args: string[]) =>
    inProcess(['evidence', ...args, '--state', `file://${path}`], { clock });
  return { cwd, path, clock, evidence };
}

const recordsOf = async (path: string, chain: Chain): Promise<string[]> =>
  (await readdir(join(path, chainFolder(chain), 'records'))).sort();

describe('drydock evidence trim', () => {
  test('shows its help with examples and exit codes', async () => {
    const { code, stdout } = await inProcess(['evidence', 'trim', '--help']);
    expect(code).toBe(0);
    for (const part of [
      'Usage: drydock evidence trim',
      'Examples:',
      'default: 400d',
      '--dry-run',
    ]) {
      expect(stdout).toContain(part);
    }
  });

  test('removes what is older than 400 days, says so before, and the chains stay whole', async () => {
    const { path, evidence } = await stateWith();
    const dry = await evidence('trim', '--dry-run');
    expect({ code: dry.code, stderr: dry.stderr }).toEqual({ code: 0, stderr: '' });
    expect(dry.stdout).toMatch(/^would remove 2 records of verify s3:\/\/acme-backups\/velero$/m);
    expect(dry.stdout).toMatch(
      /\nwould remove 4 records from before 2026-04-27T00:00:00.000Z: nothing was written\n$/,
    );
    expect(await recordsOf(path, PROD)).toHaveLength(6);
    const { code, stdout } = await evidence('trim', '-o', 'json');
    expect(code).toBe(0);
    expect(published('evidence-trim', stdout)).toMatchObject({
      schema: 'drydock/evidence-trim/v1',
      dryRun: false,
      keepFrom: '2026-04-27T00:00:00.000Z',
      chains: [
        { ...LAB, records: 2, kept: 0 },
        { ...PROD, records: 2, kept: 0 },
      ],
    });
    expect((await recordsOf(path, PROD))[0]).toBe('0000000003.json');
    expect(await evidence('verify')).toMatchObject({ code: 0 });
    expect((await evidence('trim')).stdout).toContain('removed 0 records from before');
  });

  test('of one location, to an age that is given, and never the newest record', async () => {
    const { path, evidence } = await stateWith();
    const { code } = await evidence('trim', '--location', LAB.location, '--older-than', '1h');
    expect(code).toBe(0);
    expect(await recordsOf(path, LAB)).toEqual(['0000000006.json']);
    expect(await recordsOf(path, PROD)).toHaveLength(6);
    expect((await evidence('verify')).stdout).toContain('1 record, 5 removed by retention');
    expect(await evidence('trim', '--older-than', 'soon')).toMatchObject({ code: 2 });
  });

  test('ends at its deadline, and goes on the next time', async () => {
    const { path, clock, evidence } = await stateWith();
    const { now } = clock;
    // Each look at the clock takes a second.
    const slow = (): Date => {
      clock.advance(1000);
      return now();
    };
    Object.assign(clock, { now: slow });
    const { code, stdout } = await evidence('trim', '--deadline', '2s', '-o', 'json');
    expect(code).toBe(3);
    const { chains, unfinished } = published('evidence-trim', stdout);
    expect(chains).not.toHaveLength(2);
    expect(unfinished).toBeDefined();
    expect(await recordsOf(path, PROD)).toHaveLength(6);
    expect((await evidence('trim', '--deadline', '1h')).code).toBe(0);
    expect(await recordsOf(path, PROD)).toHaveLength(4);
  });

  test('leaves a chain alone that is broken, and trims the others', async () => {
    const { path, evidence } = await stateWith();
    await rm(join(path, evidenceKey(LAB, 4)));
    for (const args of [['--dry-run'], []]) {
      const { code, stdout } = await evidence('trim', ...args);
      expect(code).toBe(4);
      expect(stdout).toMatch(/^error EVIDENCE_BROKEN kopia-verify azblob:/m);
      expect(stdout).toMatch(/(removed|would remove) 2 records of verify /);
    }
    expect(await recordsOf(path, LAB)).toHaveLength(5);
    expect(await recordsOf(path, PROD)).toHaveLength(4);
    const { stdout } = await evidence('trim', '-o', 'json');
    expect(published('evidence-trim', stdout)['chains']).toMatchObject([
      { ...LAB, records: 0, error: { code: 'EVIDENCE_BROKEN', failure: 'refused' } },
      { ...PROD, records: 0 },
    ]);
  });

  test('signs where a signed chain now begins, or leaves it alone', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    const { cwd, path, evidence } = await stateWith(ed25519Signer(privateKey));
    const [keyFile, publicFile, config] = ['key.pem', 'pub.pem', 'drydock.yaml'].map((name) =>
      join(cwd, name),
    ) as [string, string, string];
    await writeFile(keyFile, privateKey, { mode: 0o600 });
    await writeFile(publicFile, publicKey);
    await writeFile(
      config,
      `version: 1\nlocations:\n  prod: { url: ${PROD.location} }\nverify: { signingKey: "file:${keyFile}" }\n`,
    );
    const refused = await evidence('trim');
    expect(refused.code).toBe(4);
    expect(refused.stdout).toContain('error SIGNING_KEY_MISSING');
    expect(await recordsOf(path, PROD)).toHaveLength(6);
    const { code, stdout, stderr } = await evidence('trim', '-c', config);
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain(privateKey.split('\n')[1]);
    expect(await recordsOf(path, PROD)).toHaveLength(4);
    const verified = await evidence('verify', '--public-key', publicFile);
    expect(verified.code).toBe(0);
    expect(verified.stdout).toContain('4 records, 2 removed by retention, 4 good signatures');
  });

  test('a record that a later Drydock wrote stops it before anything is removed', async () => {
    const { path, evidence } = await stateWith();
    const file = join(path, evidenceKey(PROD, 6));
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"schemaVersion":1', '"schemaVersion":2'));
    const { code, stdout } = await evidence('trim', '--job', 'verify');
    expect(code).toBe(4);
    expect(stdout).toContain('error RECORD_NEWER');
    expect(await recordsOf(path, PROD)).toHaveLength(6);
  });
});
