import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { appendEvidence } from '../../shared/ledger/evidence.ts';
import { type Chain, evidenceKey } from '../../shared/ledger/evidence-record.ts';
import { trimEvidence } from '../../shared/ledger/evidence-retention.ts';
import { chainFolder } from '../../shared/ledger/keys.ts';
import { ed25519Signer, type Signer } from '../../shared/ledger/signature.ts';
import { fileStore } from '../../shared/stores/file.ts';
import { drydock, folder, parsed } from './drydock.ts';
import { inProcess } from './kopia-run.ts';

const CANARY = 'canary-5ecre7';
const VERIFY: Chain = { job: 'verify', location: 's3://acme-backups/velero' };
const KOPIA: Chain = { job: 'kopia-verify', location: 'azblob://acmebackups/velero' };

/** A state with two chains of three records, signed or not. */
async function stateWith(signer?: Signer) {
  const cwd = await folder();
  const path = join(cwd, 'state');
  await mkdir(path);
  const state = fileStore({ path });
  let ids = 0;
  const deps = { state, uniqueId: () => `id-${ids++}`, ...(signer && { signer }) };
  for (const chain of [VERIFY, KOPIA]) {
    for (let n = 1; n <= 3; n += 1) {
      const at = `2026-01-0${n}T00:00:00.000Z`;
      await appendEvidence(deps, chain, { at, runId: `run-${n}`, content: { note: CANARY } });
    }
  }
  const verify = (...args: string[]) =>
    inProcess(['evidence', 'verify', '--state', `file://${path}`, ...args], {
      env: { AWS_SECRET_ACCESS_KEY: CANARY, AZURE_STORAGE_KEY: CANARY },
    });
  return { cwd, path, deps, verify };
}

function keys() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return { signer: ed25519Signer(privateKey), privateKey, publicKey };
}

describe('drydock evidence verify', () => {
  test.each(['evidence', 'evidence verify'])('shows the help of "%s"', async (command) => {
    const { code, stdout } = await inProcess([...command.split(' '), '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: drydock ${command}`);
    expect(stdout).toContain('Examples:');
    expect(stdout).toContain('--output <format>');
  });

  test('tells of each chain that it is whole, and its last hash', async () => {
    const { verify, deps } = await stateWith();
    const times = { now: new Date('2026-02-01'), keepFrom: new Date('2026-01-02T12:00:00Z') };
    await trimEvidence(deps, KOPIA, times);
    const { code, stdout, stderr } = await verify();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^verified kopia-verify azblob:\S+: 1 record, 2 removed by retention$/m);
    expect(stdout).toMatch(/^verified verify s3:\/\/acme-backups\/velero: 3 records$/m);
    expect(stdout).toMatch(/^ {2}last record 3 of 2026-01-03T00:00:00.000Z, sha256 [0-9a-f]{64}$/m);
    expect(stdout).toMatch(/\nDone in .*: 2 chains: 2 verified, 0 damaged\n$/);
  });

  test('as JSON is a report, with the chains beside it, of a job or a location alone', async () => {
    const { verify } = await stateWith();
    for (const [args, chain] of [
      [['--job', 'verify'], VERIFY],
      [['--location', KOPIA.location], KOPIA],
    ] as const) {
      const { code, stdout } = await verify('-o', 'json', ...args);
      expect(code).toBe(0);
      expect(parsed(stdout)).toMatchObject({
        schema: 'drydock/report/v1',
        run: { job: 'evidence-verify' },
        verdicts: [{ kind: 'verified' }],
        findings: [],
        measures: { chains: 1, records: 3 },
        chains: [{ ...chain, records: 3, removed: 0, last: { sequence: 3 }, problems: [] }],
      });
      // What runs noted, and what the machine knows, is nobody's business here.
      expect(stdout).not.toContain(CANARY);
    }
  });

  test('names every object that was changed or is gone, and ends with 1', async () => {
    const { verify, path } = await stateWith();
    const file = join(path, evidenceKey(VERIFY, 2));
    await writeFile(file, (await readFile(file, 'utf8')).replace(CANARY, `${CANARY}-forged`));
    await rm(join(path, evidenceKey(KOPIA, 3)));
    const { code, stdout, stderr } = await verify();
    expect(code).toBe(1);
    expect(stdout.match(/^damaged /gm)).toHaveLength(2);
    expect(stdout.match(/^critical EVIDENCE_BROKEN file:/gm)).toHaveLength(2);
    expect(stdout).toContain(`altered: "${evidenceKey(VERIFY, 3)}" does not follow record 2`);
    expect(stdout).toContain(`truncated: "${chainFolder(KOPIA)}head.json" names record 3`);
    expect(stdout).toContain('hint: Restore the objects');
    expect(stdout + stderr).not.toContain(CANARY);
    const asJson = await verify('-o', 'json', '--fail-on', 'critical');
    expect(asJson.code).toBe(1);
    expect(parsed(asJson.stdout)['verdicts']).toMatchObject([
      { kind: 'damaged' },
      { kind: 'damaged' },
    ]);
  });

  test('warns of a record that is older than the one it follows', async () => {
    const { verify, deps } = await stateWith();
    const at = '2026-01-02T00:00:00.000Z';
    await appendEvidence(deps, VERIFY, { at, runId: 'run-4', content: {} });
    const { code, stdout } = await verify();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^warning EVIDENCE_CLOCK file:/m);
    expect(stdout).not.toContain('EVIDENCE_BROKEN');
  });

  test('leaves out no chain of which nobody knows whose it is', async () => {
    const { verify, path } = await stateWith();
    await rm(join(path, chainFolder(VERIFY), 'head.json'));
    await writeFile(join(path, evidenceKey(VERIFY, 1)), '{}');
    const { code, stdout } = await verify('--location', KOPIA.location);
    expect(code).toBe(1);
    expect(stdout).toContain('says which location it is about');
    expect(stdout).toMatch(/2 chains: 1 verified, 1 damaged\n$/);
  });

  test('finds nothing good where there is nothing', async () => {
    const { verify, path } = await stateWith();
    for (const args of [
      ['--job', 'prune'],
      ['--location', 's3://acme-other/velero'],
    ]) {
      const { code, stdout } = await verify(...args);
      expect(code).toBe(1);
      expect(stdout).toContain('error EVIDENCE_ABSENT');
    }
    await rm(join(path, 'evidence'), { recursive: true });
    expect(await verify()).toMatchObject({ code: 1 });
  });

  test('checks signatures with the keys that it is given, and says so without any', async () => {
    const [ours, theirs] = [keys(), keys()];
    const { verify, cwd } = await stateWith(ours.signer);
    const [oursFile, theirsFile] = [join(cwd, 'ours.pem'), join(cwd, 'theirs.pem')];
    await writeFile(oursFile, ours.publicKey);
    await writeFile(theirsFile, theirs.publicKey);
    await writeFile(join(cwd, 'private.pem'), ours.privateKey);
    const without = await verify();
    expect(without.code).toBe(0);
    expect(without.stdout).toContain('info EVIDENCE_SIGNATURE_UNCHECKED');
    expect(without.stdout).toContain('3 records, 3 signatures unchecked');
    const right = await verify('--public-key', theirsFile, '--public-key', oursFile);
    expect(right.code).toBe(0);
    expect(right.stdout).toContain('3 records, 3 good signatures');
    const wrong = await verify('--public-key', theirsFile);
    expect(wrong.code).toBe(1);
    expect(wrong.stdout).toContain('is signed by a key that is not trusted');
    for (const file of ['private.pem', 'absent.pem']) {
      const { code, stdout, stderr } = await verify('--public-key', join(cwd, file));
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/^error SIGNING_KEY_INVALID: /);
      expect(stderr).not.toContain(ours.privateKey.split('\n')[1]);
    }
  });

  test('tells wrong usage, a state that is not there, and a later Drydock apart', async () => {
    expect(await drydock(['evidence', 'verify'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('error STATE_MISSING'),
    });
    expect(
      await inProcess(['evidence', 'verify', '--state', 'file:///nowhere/at/all']),
    ).toMatchObject({ code: 3, stderr: expect.stringContaining('error bucket_not_found') });
    const { verify, path } = await stateWith();
    expect(await verify('--deadline', '1s')).toMatchObject({ code: 0 });
    const file = join(path, evidenceKey(VERIFY, 2));
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"schemaVersion":1', '"schemaVersion":2'));
    expect(await verify()).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('error RECORD_NEWER'),
    });
  });

  test('takes the state of the configuration', async () => {
    const { path, cwd } = await stateWith();
    await writeFile(
      join(cwd, 'drydock.yaml'),
      `version: 1\nstate: file://${path}\nlocations:\n  prod: { url: ${VERIFY.location} }\n`,
    );
    const { code, stdout } = await drydock(['evidence', 'verify', '--location', 'prod'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(/1 chain: 1 verified, 0 damaged\n$/);
  });
});
