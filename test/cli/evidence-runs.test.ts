import { createHash, generateKeyPairSync } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { fakeClock } from '../support/clock.ts';
import { folder } from './drydock.ts';
import { fixtureFolder, inProcess } from './kopia-run.ts';

const START = Date.parse('2026-11-21T11:30:00Z');
const HOUR_MS = 3_600_000;
const RUNS = 4;
const KINDS = ['unsigned', 'signed'] as const;

/** A folder for all tests, with the state of each kind in it, which no test changes. */
let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'drydock-evidence-'));
  const fixture = await fixtureFolder('velero/v1.18.2', false);
  // One backup is enough for runs to have something to say.
  for (const name of await readdir(join(fixture.folder, 'prod/backups'))) {
    const path = join(fixture.folder, 'prod/backups', name);
    if (name !== 'archive-native') await rm(path, { recursive: true });
  }
  const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  await writeFile(join(home, 'signing.pub.pem'), publicKey);
  for (const kind of KINDS) {
    await mkdir(join(home, kind));
    const config = join(home, `${kind}.yaml`);
    const signing = kind === 'signed' ? 'verify: { signingKey: "env:SIGNING_KEY" }\n' : '';
    const locations = `locations:\n  prod: { url: "${fixture.root}/prod" }\n`;
    await writeFile(config, `version: 1\nstate: "${stateUrl(home, kind)}"\n${locations}${signing}`);
    for (let run = 0; run < RUNS; run += 1) {
      const { code, stdout } = await inProcess(['verify', '-c', config, '--rung', 'present'], {
        env: { SIGNING_KEY: privateKey },
        clock: fakeClock(new Date(START + run * HOUR_MS)),
      });
      // With findings or without: the runs are made for their evidence.
      expect([0, 1], stdout).toContain(code);
    }
  }
  return async () => {
    for (const path of [home, dirname(fixture.folder)]) await rm(path, { recursive: true });
  };
}, 60_000);

function stateUrl(path: string, kind: string): string {
  return `file://${path}/${kind}`;
}

/** The chain in a copy of the state, for one test to spoil. */
async function copied(kind: (typeof KINDS)[number]) {
  const copy = await folder();
  await cp(join(home, kind), join(copy, kind), { recursive: true });
  const job = join(copy, kind, 'evidence/verify');
  const [location = ''] = await readdir(job);
  const chain = join(job, location);
  const record = (n: number) => join(chain, 'records', `${String(n).padStart(10, '0')}.json`);
  const verify = (...args: string[]) =>
    inProcess(['evidence', 'verify', '--state', stateUrl(copy, kind), ...args], {
      clock: fakeClock(new Date(START + RUNS * HOUR_MS)),
    });
  return { chain, record, verify, head: join(chain, 'head.json') };
}

type Copy = Awaited<ReturnType<typeof copied>>;

async function edit(file: string, from: string | RegExp, to: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  const changed = text.replace(from, to);
  expect(changed).not.toBe(text);
  await writeFile(file, changed);
}

/** What somebody with the right to write to the state may do, and the words that tell it. */
const TAMPERINGS: readonly (readonly [string, (copy: Copy) => Promise<void>, string])[] = [
  ['without its head', ({ head }) => rm(head), 'head-missing'],
  ['without its first record', ({ record }) => rm(record(1)), 'anchor-missing'],
  ['without a record in the middle', ({ record }) => rm(record(2)), 'gap'],
  ['without its last record', ({ record }) => rm(record(RUNS)), 'truncated'],
  [
    'in which a proof is another one',
    ({ record }) => edit(record(2), '"rung":"reported"', '"rung":"intact"'),
    'altered',
  ],
  [
    'whose last record says something else',
    ({ record }) => edit(record(RUNS), /"at":"2026-11-21/, '"at":"2026-11-20'),
    'altered',
  ],
  [
    'in which two records changed places',
    async ({ chain, record }) => {
      await rename(record(2), join(chain, 'aside'));
      await rename(record(3), record(2));
      await rename(join(chain, 'aside'), record(3));
    },
    'altered',
  ],
  ['with a record more', async ({ record }) => cp(record(RUNS), record(RUNS + 1)), 'altered'],
  [
    'with an object that is none of ours',
    ({ chain }) => writeFile(join(chain, 'records', 'note.json'), '{}'),
    'foreign',
  ],
];

describe.each(KINDS)('%s: a chain that runs of drydock verify have left', (kind) => {
  test('is whole, and says how far', async () => {
    const { verify } = await copied(kind);
    const { code, stdout } = await verify();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^verified verify file:\S+: 4 records/m);
    expect(stdout).toMatch(/^ {2}last record 4 of 2026-11-21T14:30:00.000Z, sha256 [0-9a-f]{64}$/m);
  });

  test.each(TAMPERINGS)('%s is broken', async (_, tamper, problem) => {
    const copy = await copied(kind);
    await tamper(copy);
    const { code, stdout } = await copy.verify();
    expect(code).toBe(1);
    expect(stdout).toMatch(/^critical EVIDENCE_BROKEN file:/m);
    expect(stdout).toContain(`${problem}: "`);
  });
});

describe('signatures of runs', () => {
  const key = () => ['--public-key', join(home, 'signing.pub.pem')];

  test('are good on every record', async () => {
    const { verify } = await copied('signed');
    const { code, stdout } = await verify(...key());
    expect(code).toBe(0);
    expect(stdout).toContain('4 records, 4 good signatures');
  });

  test('are missed where there are none', async () => {
    const { verify } = await copied('unsigned');
    const { code, stdout } = await verify(...key());
    expect(code).toBe(1);
    expect(stdout).toContain('signature-missing: "');
  });

  test('tell a change of the last record whose head was made to fit', async () => {
    const { record, head, verify } = await copied('signed');
    await edit(record(RUNS), '"rung":"reported"', '"rung":"intact"');
    const hash = createHash('sha256')
      .update(await readFile(record(RUNS)))
      .digest('hex');
    await edit(head, /"hash": "[0-9a-f]{64}"/, `"hash": "${hash}"`);
    // The hashes alone find nothing; that is what signatures are for.
    expect(await verify()).toMatchObject({ code: 0 });
    const { code, stdout } = await verify(...key());
    expect(code).toBe(1);
    expect(stdout).toContain('signature-wrong: "');
  });
});
