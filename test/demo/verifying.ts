import { DeleteObjectsCommand, S3Client } from '@aws-sdk/client-s3';
import { count } from '../../functions/cli/terminal.ts';
import { hours } from '../../functions/cli/words.ts';
import { ageHours, type LadderRow } from '../../shared/model/ladder.ts';
import { isPack } from './look.ts';
import {
  DAMAGED,
  HEALTHY,
  MISSED,
  OTHER_CLOUD,
  PARTLY_FAILED,
  slotName,
  type Times,
  VANISHED,
} from './roots.ts';
import type { Stage } from './stage.ts';
import { command, good, heading, note, promise, type StepResult } from './story.ts';
import { found, rowOf, runVerify, tellStatus, tellVerify, type VerifyRun } from './told.ts';

export async function showHealthy(stage: Stage, times: Times): Promise<StepResult> {
  heading(
    'Verify a healthy location',
    'Which recovery points does each application have, and how old is the newest one that is proven?',
  );
  note('The real backups, with names and times of today: one every six hours, and two by hand.');
  note('No cluster can be asked here, so drydock.yaml says what the schedule is.');
  const run = await tellVerify(stage, HEALTHY, 0);
  const { ladders = [], findings } = run.report;
  const rows = ladders.flatMap((ladder) => ladder.rows);
  promise(rows.length === 4, `${rows.length} applications were found`);
  promise(
    rows.every(({ proven, newest }) => proven !== undefined && proven.point === newest?.point),
    'the newest point of an application is not proven',
  );
  promise(rowOf(run.report, 'shop').proven?.point === slotName(times, 1), 'shop has another point');
  promise(
    findings.every(({ severity }) => severity === 'warning' || severity === 'info'),
    'something is called broken',
  );
  good('every application is proven by its newest backup, to the last byte of its volumes');
  return told('verify: healthy', run, 'all proven');
}

export async function showReplica(stage: Stage): Promise<StepResult> {
  heading(
    'Verify its replica in the other cloud',
    'The same backups, copied: what of them could be restored there, with the first cloud gone?',
  );
  await stage.azurite.container(OTHER_CLOUD).create();
  const args = ['replicate', '--route', 'offsite'];
  command(args);
  const copied = await stage.run(args, { output: 'take' });
  promise(copied.code === 0, `the replication ended with exit code ${copied.code}`);
  note(`${copied.stdout.trimEnd().split('\n').at(-1)}`);
  const run = await tellVerify(stage, OTHER_CLOUD, 1, TOLD);
  const archive = rowOf(run.report, 'archive');
  promise(archive.proven === undefined, 'archive counts as proven, without its disk');
  promise(archive.newest?.rung === 'reported', 'archive stands higher than "reported"');
  promise(found(run.report, 'SNAPSHOT_ELSEWHERE').length > 0, 'nobody says where the disk is');
  for (const name of ['shop', 'billing', 'media']) {
    promise(rowOf(run.report, name).proven !== undefined, `${name} is not proven at the replica`);
  }
  good(
    'three applications are proven there; the disk snapshot of "archive" cannot leave its cloud',
  );
  return told('verify: replica', run, 'snapshots counted missing');
}

export async function showPartlyFailed(stage: Stage, times: Times): Promise<StepResult> {
  heading(
    'A backup that failed in part',
    'Before an upgrade somebody made a backup of shop by hand; its hook failed. Is it good enough?',
  );
  const run = await tellVerify(stage, PARTLY_FAILED, 1, TOLD);
  const shop = rowOf(run.report, 'shop');
  const failed = found(run.report, 'BACKUP_PARTIALLY_FAILED');
  promise(failed.length === 1, `${failed.length} backups are said to have failed in part`);
  promise(found(run.report, 'BACKUP_HOOKS_FAILED').length === 1, 'nobody names the hook');
  promise(failed[0]?.subject.endsWith(`/${shop.newest?.point}`) === true, 'another one failed');
  promise(shop.newest?.rung === 'reported', 'the failed backup stands higher than "reported"');
  promise(shop.proven?.point === slotName(times, 1), 'shop is not proven by the one before');
  good(`it counts for nothing: shop goes back to the backup before it, ${provenAge(shop, run)}`);
  return told('verify: partly failed', run, 'the one before counts');
}

export async function showMissed(stage: Stage, times: Times): Promise<StepResult> {
  heading(
    'A backup that was never made',
    'Seven hours ago the Velero server was down. There is no failed backup to look at: there is none.',
  );
  const run = await tellVerify(stage, MISSED, 0, TOLD);
  const [missed, ...others] = found(run.report, 'SLOT_MISSED');
  promise(missed !== undefined && others.length === 0, 'not one schedule is said to have missed');
  const due = times.hoursAgo(7).toISOString().replace('.000Z', 'Z');
  promise(missed.message.includes(due), 'another slot is said to be missed');
  promise(rowOf(run.report, 'shop').proven?.point === slotName(times, 1), 'shop is not proven');
  good(
    'the slot is named; a later one was answered, so that it is a warning, and the exit code is 0',
  );
  return told('verify: missed', run, 'slot named');
}

export async function showDamaged(stage: Stage, times: Times): Promise<StepResult> {
  heading(
    'Backups that are damaged',
    'In the volume data of shop one bit has changed; of one upload the end is missing.',
  );
  const pack = await flipOneBit(stage);
  const [cut, before] = [slotName(times, 1), slotName(times, 7)];
  await cutTarball(stage, cut);
  const phases = [cut, before].map((backup) => phaseOf(stage, backup));
  promise(phases.join() === 'Completed,Completed', 'Velero does not call them Completed');
  note('Velero noticed neither: to it these backups are Completed.');
  const run = await tellVerify(stage, DAMAGED, 1, TOLD);
  const contents = found(run.report, 'KOPIA_CONTENT_DAMAGED');
  promise(contents.length === 1, `${contents.length} packs are said to be damaged`);
  promise(contents[0]?.evidence?.['packBlob'] === pack, 'another pack is said to be damaged');
  const files = Number(contents[0]?.evidence?.['files']);
  promise(files > 0, 'nobody says which files it costs');
  const artefacts = found(run.report, 'ARTEFACT_DAMAGED');
  promise(artefacts.length === 1, `${artefacts.length} backups are said to be cut off`);
  promise(artefacts[0]?.subject.endsWith(`/${cut}`) === true, 'another backup is said to be cut');
  const [shop, billing] = [rowOf(run.report, 'shop'), rowOf(run.report, 'billing')];
  promise(billing.proven?.point === before, 'billing is not proven by the backup before');
  const points = [cut, before];
  promise(!points.includes(shop.proven?.point ?? ''), 'shop is proven by damaged data');
  good(`both are named, the bit with the ${count(files, 'file')} that it costs`);
  note(
    `billing goes back to a backup ${provenAge(billing, run)}; of shop: ${provenAge(shop, run)}`,
  );
  return told('verify: damaged', run, 'both told, with the cost');
}

export async function showVanished(stage: Stage, times: Times): Promise<StepResult> {
  heading(
    'A backup that vanished',
    'A person, or a lifecycle rule, empties the folder of the newest backup. Who would notice?',
  );
  command(['verify', VANISHED]);
  const { report } = await runVerify(stage, VANISHED, 0);
  const before = rowOf(report, 'shop');
  const newest = slotName(times, 1);
  promise(before.proven?.point === newest, 'shop was not proven before');
  note(`${count(before.points, 'backup')}, all is well; then ${newest} is deleted`);
  await deleteBackup(stage, newest);
  const run = await tellVerify(stage, VANISHED, 1, TOLD);
  const gone = found(run.report, 'BACKUP_VANISHED');
  promise(gone.length === 1, `${gone.length} backups are said to be gone`);
  promise(gone[0]?.subject.endsWith(`/${newest}`) === true, 'another backup is said to be gone');
  promise(found(run.report, 'SLOT_MISSED').length === 0, 'it is said never to have been made');
  const shop = rowOf(run.report, 'shop');
  promise(shop.proven?.point === slotName(times, 7), 'shop is not proven by the one before');
  good(`Drydock knew it: it is gone before its end, and shop goes back to ${provenAge(shop, run)}`);
  return told('verify: vanished', run, 'missed at once');
}

export async function showStatus(stage: Stage): Promise<void> {
  heading('Where do we stand?', 'What the last runs proved, and how old that is now.');
  const rows = await tellStatus(stage, 1);
  const places = new Set(rows.map(({ location }) => location));
  promise(places.size === 6, `status knows ${places.size} locations`);
  const bad = rows.filter(({ verdict }) => verdict !== 'within-rpo');
  promise(
    bad.some((row) => row.application === 'archive' && row.location === OTHER_CLOUD),
    'status calls the disk in the wrong cloud proven',
  );
  promise(
    bad.every(({ location }) => location === OTHER_CLOUD || location === DAMAGED),
    'status calls something unproven that is proven',
  );
  good('one line for each application and place, its age in hours, and what no backup covers');
}

/** Kinds that chapter 9 shows: the real repositories are as old as their recording. */
const TOLD: ReadonlySet<string> = new Set([
  'KOPIA_DEFAULT_PASSWORD',
  'KOPIA_MAINTENANCE_OVERDUE',
  'SECRETS_IN_CLEAR',
  'VERSIONING_OFF',
]);

function provenAge({ proven }: LadderRow, { report }: VerifyRun): string {
  const age = ageHours(proven, new Date(report.run.startedAt));
  return age === undefined ? 'none' : `${hours(age)} old`;
}

function told(step: string, { report, seconds }: VerifyRun, outcome: string): StepResult {
  const { 'location.read': objects = 0, 'location.readBytes': sizeBytes = 0 } = report.measures;
  return { step, objects, sizeBytes, seconds, outcome };
}

/** In the youngest pack of shop's data, in its middle. */
async function flipOneBit({ server }: Stage): Promise<string> {
  const packs = server
    .objects(DAMAGED)
    .filter(({ key }) => key.startsWith('kopia/shop/p') && isPack(key, ''))
    .sort((a, b) => b.lastModified.getTime() - a.lastModified.getTime());
  const [pack] = packs;
  promise(pack !== undefined, 'there is no pack to damage');
  const bytes = Buffer.from(pack.bytes);
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
  await server.putObject(DAMAGED, pack.key, bytes, { lastModified: pack.lastModified });
  note(`one bit flipped in ${pack.key}`);
  return pack.key.slice(pack.key.lastIndexOf('/') + 1);
}

async function cutTarball({ server }: Stage, backup: string): Promise<void> {
  const key = `backups/${backup}/${backup}.tar.gz`;
  const tarball = server.objects(DAMAGED).find((object) => object.key === key);
  promise(tarball !== undefined, 'there is no tarball to cut');
  const { bytes, lastModified } = tarball;
  await server.putObject(DAMAGED, key, bytes.subarray(0, bytes.length >> 1), { lastModified });
  note(`second half missing of ${key}`);
}

function phaseOf({ server }: Stage, backup: string): string {
  const key = `backups/${backup}/velero-backup.json`;
  const resource = server.objects(DAMAGED).find((object) => object.key === key);
  const text = Buffer.from(resource?.bytes ?? []).toString('utf8');
  return (JSON.parse(text) as { readonly status: { readonly phase: string } }).status.phase;
}

/** As anybody would who may: by the vendor's own client. */
async function deleteBackup({ server }: Stage, backup: string): Promise<void> {
  const { endpoint, region, credentials } = server;
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  const keys = server
    .objects(VANISHED)
    .map(({ key }) => key)
    .filter((key) => key.startsWith(`backups/${backup}/`));
  const Objects = keys.map((Key) => ({ Key }));
  await client.send(new DeleteObjectsCommand({ Bucket: VANISHED, Delete: { Objects } }));
  client.destroy();
}
