/**
 * Verifies a location of very many backups, one of them with a tarball of 1 GiB: the command as it
 * would be typed, first with everything to read, then with nothing changed.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { forEachLimited } from '../../shared/model/limited.ts';
import type { Report } from '../../shared/model/report.ts';
import { toolVersion } from '../real/tools/tools.ts';
import { loadFixture } from '../support/fixtures.ts';
import { installDrydock } from '../support/installed.ts';
import { END, entry } from '../velero/artefacts/tarball.ts';
import { isPinned, type Measured, measure } from './measure.ts';
import { say, sayMeasured } from './run.ts';
import { ACCESS_KEY, REGION, SECRET_KEY, type SourceServer } from './servers.ts';

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;
const RESIDENT_BYTES_MAX = 512 * MIB;
/** The backup of the real root that the others are copies of. */
const MODEL = 'frequent-20261121105615';

export interface BackupsWorkload {
  /** Also the bucket. */
  readonly name: string;
  readonly backups: number;
  /** Of the objects in the largest tarball. */
  readonly tarballSizeBytes: number;
}

interface VerifyRun {
  readonly title: string;
  readonly measured: Measured;
  readonly report: Report;
}

export interface VerifiedBackups {
  readonly workload: BackupsWorkload;
  readonly runs: readonly VerifyRun[];
  readonly loadBefore: number;
}

export function backupsWorkloads(quick: boolean): readonly BackupsWorkload[] {
  return [
    quick
      ? { name: 'backups', backups: 50, tarballSizeBytes: 32 * MIB }
      : { name: 'backups', backups: 1000, tarballSizeBytes: 1024 * MIB },
  ];
}

export async function verifyBackups(
  workload: BackupsWorkload,
  server: SourceServer,
  folder: string,
): Promise<VerifiedBackups> {
  say(`${workload.backups} backups: making them`);
  await fill(workload, server);
  const state = join(folder, 'state');
  await mkdir(state, { recursive: true });
  const launcher = await installDrydock(folder);
  const where = `s3://${workload.name}/prod?region=${REGION}&endpoint=${server.endpoint}`;
  const args = ['verify', where, '--state', `file://${state}`, '--output', 'json'];
  const command = {
    program: process.execPath,
    args: [launcher, ...args, '--fail-on', 'critical'],
    env: {
      HOME: folder,
      PATH: process.env['PATH'] ?? '',
      AWS_ACCESS_KEY_ID: ACCESS_KEY,
      AWS_SECRET_ACCESS_KEY: SECRET_KEY,
    },
  };
  const loadBefore = loadavg()[0] ?? Number.NaN;
  const runs: VerifyRun[] = [];
  for (const title of ['everything new', 'nothing changed']) {
    const work = join(folder, `run-${runs.length}`);
    await mkdir(work);
    const measured = await measure(command, work);
    const output = await readFile(join(work, 'last.log'), 'utf8');
    // Progress goes to the same log, before the report.
    const report = JSON.parse(output.slice(output.indexOf('\n{') + 1)) as Report;
    runs.push({ title, measured, report });
    sayMeasured(title, measured);
  }
  await server.drop(workload.name);
  return { workload, runs, loadBefore };
}

/** Copies of a real backup, one every six hours up to now, beside the repositories that they need. */
async function fill(workload: BackupsWorkload, server: SourceServer): Promise<void> {
  const { name: bucket, backups } = workload;
  const { client } = server;
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  const fixture = await loadFixture('velero/v1.18.2');
  const put = async (Key: string, Body: Uint8Array | Readable, ContentLength?: number) => {
    await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ContentLength }));
  };
  const model: { readonly file: string; readonly bytes: Uint8Array }[] = [];
  for (const object of fixture.objects) {
    const bytes = await object.bytes();
    const folder = `prod/backups/${MODEL}/`;
    if (object.key.startsWith(folder)) model.push({ file: object.key.slice(folder.length), bytes });
    else if (object.key.startsWith('prod/kopia/')) await put(object.key, bytes);
  }
  const limits = { concurrency: 8, weightMax: Number.POSITIVE_INFINITY };
  const numbers = Array.from({ length: backups }, (_, at) => at);
  await forEachLimited(
    numbers,
    limits,
    () => 0,
    async (at) => {
      const takenAt = new Date(Date.now() - (1 + 6 * at) * HOUR_MS);
      const name = `frequent-${takenAt.toISOString().replaceAll(/\D/g, '').slice(0, 14)}`;
      for (const { file, bytes } of model) {
        const key = `prod/backups/${name}/${file.replace(MODEL, name)}`;
        if (at === 1 && file.endsWith('.tar.gz')) await putLarge(key);
        else await put(key, file === 'velero-backup.json' ? renamed(bytes, name, takenAt) : bytes);
      }
    },
  );

  async function putLarge(key: string): Promise<void> {
    const gzip = await gzipped(largeTarball(workload.tarballSizeBytes));
    await put(key, gzip, gzip.length);
  }
}

async function gzipped(pieces: Iterable<Uint8Array>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of Readable.from(pieces, { objectMode: false }).pipe(
    createGzip({ level: 1 }),
  )) {
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts);
}

/** ConfigMaps of a megabyte each, which is what the API server takes. */
function* largeTarball(sizeBytes: number): Generator<Uint8Array> {
  yield entry('metadata/version', '1.1.0\n');
  // Bytes that do not compress, without a gigabyte of random numbers.
  let seed = 1;
  const noise = Buffer.alloc(MIB);
  for (let at = 0; at * MIB < sizeBytes; at += 1) {
    for (let byte = 0; byte < noise.length; byte += 4) {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      noise.writeUInt32LE(seed, byte);
    }
    const name = `large-${at}`;
    const metadata = { namespace: 'shop', name };
    const data = { noise: noise.toString('base64').slice(0, MIB - 300) };
    const text = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
    yield entry(`resources/configmaps/namespaces/shop/${name}.json`, text);
  }
  yield END;
}

function renamed(bytes: Uint8Array, name: string, takenAt: Date): Uint8Array {
  const backup = JSON.parse(Buffer.from(bytes).toString('utf8')) as {
    metadata: Record<string, unknown>;
    status: Record<string, unknown>;
  };
  const at = (ms: number): string => new Date(takenAt.getTime() + ms).toISOString();
  Object.assign(backup.metadata, { name, uid: `uid-${name}`, creationTimestamp: at(0) });
  Object.assign(backup.status, {
    startTimestamp: at(1000),
    completionTimestamp: at(60_000),
    expiration: at(365 * 24 * HOUR_MS),
  });
  return Buffer.from(JSON.stringify(backup));
}

export function backupsTable({ workload, runs }: VerifiedBackups): string {
  const rows = runs.map(({ title, measured, report }) => {
    const { seconds, cpuSeconds, peakBytes } = measured;
    const { measures } = report;
    const requests = Object.entries(measures).filter(([name]) =>
      /^location\.(read|list|stat)$/.test(name),
    );
    const cells = [
      title,
      seconds.toFixed(1),
      cpuSeconds.toFixed(1),
      String(Math.round(peakBytes / MIB)),
      String(measures['backupsRead'] ?? 0),
      requests.map(([name, value]) => `${value} ${name.slice('location.'.length)}`).join(', '),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const title = `${workload.backups.toLocaleString('en')} backups, one tarball of ${Math.round(workload.tarballSizeBytes / MIB)} MiB`;
  return [
    `| ${title} | wall s | CPU s | peak MiB | backups read | requests |`,
    '|---|---:|---:|---:|---:|---|',
    ...rows,
  ].join('\n');
}

export function backupsKept({ runs }: VerifiedBackups): boolean {
  return runs.every(({ measured }) => measured.peakBytes < RESIDENT_BYTES_MAX);
}

export function backupsSection(verified: VerifiedBackups): string {
  const { workload, loadBefore } = verified;
  const place = isPinned() ? 'server on one core, client on the other' : 'no core of their own';
  return [
    '## Verification of a location with very many backups',
    '',
    `\`drydock verify\` over ${workload.backups.toLocaleString('en')} copies of a backup that Velero 1.18.2 wrote, each with the volumes of two namespaces in Kopia, one of them with a tarball of ${Math.round(workload.tarballSizeBytes / MIB)} MiB that does not compress.`,
    'Then once more with nothing changed: what the ledger remembers is not read again. Memory of the whole process, at most 512 MiB.',
    '',
    backupsTable(verified),
    '',
    `${new Date().toISOString().slice(0, 10)}; ${cpus().length} cores, ${Math.round(totalmem() / 1024 ** 3)} GiB; versitygw ${toolVersion('versitygw')} in memory, ${place}; load of the minute before ${loadBefore.toFixed(1)}; one run each.`,
  ].join('\n');
}
