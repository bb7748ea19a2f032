import { finding } from '../model/finding.ts';
import { forEachLimited } from '../model/limited.ts';
import { collect } from '../stores/checksum.ts';
import type { ObjectInfo } from '../stores/store.ts';
import { isStoreError } from '../stores/store-error.ts';
import {
  type BackupFile,
  type BackupMetadata,
  judgeCompleteness,
  METADATA_SIZE_BYTES_MAX,
  parseBackupMetadata,
} from '../velero/completeness.ts';
import {
  BACKUP_METADATA,
  BACKUPS,
  CONTENTS_SUFFIX,
  metadataKey,
  repositoryPrefix,
} from '../velero/layout.ts';
import { referencedNamespaces } from '../velero/volume-references.ts';
import { type BackupFolder, groupBackups, isReplicated, planBackup } from './backup-plan.ts';
import { copyOne, listAll, type RouteRun, withStamp } from './copy.ts';

/** A backup that was found complete before any repository was frozen. */
export interface CompleteBackup {
  readonly name: string;
  readonly source: BackupFolder;
  readonly target: BackupFolder;
}

/** Its folder may still be filling: younger than this it is no debris. */
const UPLOAD_MS_MAX = 60 * 60_000;

/**
 * Looks at all backups on both sides. Must be called before the repositories are frozen: whatever a
 * backup that is complete now refers to is then part of the frozen state.
 */
export async function findBackups(run: RouteRun): Promise<readonly CompleteBackup[]> {
  const source = groupBackups(await listAll(run.deps.source, [BACKUPS], run.signal));
  const target = groupBackups(await listAll(run.deps.target, [BACKUPS], run.signal));
  reportStrays(run, source.strays);
  reportGone(run, source.folders, target.folders);
  const complete: CompleteBackup[] = [];
  for (const [name, folder] of source.folders) {
    run.guard();
    const copy = await stampDeciding(run, name, target.folders.get(name) ?? new Map());
    if (isReplicated(name, folder, copy)) {
      run.tally.measure('objectsUnchanged', folder.size);
      run.tally.measure('backupsUnchanged', 1);
    } else if (await isComplete(run, name, folder)) {
      complete.push({ name, source: folder, target: copy });
    }
  }
  return complete;
}

/**
 * Publishes the complete backups, several at once, each in its own order.
 * @param heldUntilMs namespaces that have a Kopia repository, each with the time of the source until
 *   which the target holds it now. A backup that needs more than that is held back.
 */
export async function publishBackups(
  run: RouteRun,
  backups: readonly CompleteBackup[],
  heldUntilMs: ReadonlyMap<string, number>,
): Promise<void> {
  const ready: CompleteBackup[] = [];
  // One after the other: lists of volumes may be large.
  for (const backup of backups) {
    run.guard();
    const lack = await lackOf(run, backup, heldUntilMs);
    if (lack === undefined) ready.push(backup);
    else leftOut(run, lack.code, backup.name, lack.reason);
  }
  const limits = { concurrency: Math.max(1, Math.floor(run.config.concurrency / 4)), weightMax: 8 };
  await forEachLimited(
    ready,
    limits,
    () => 1,
    (backup) => publishBackup(run, backup),
  );
}

async function publishBackup(run: RouteRun, backup: CompleteBackup): Promise<void> {
  const subject = `${BACKUPS}${backup.name}`;
  try {
    for (const { file, source, kind } of planBackup(backup.name, backup.source, backup.target)) {
      const what = file === BACKUP_METADATA ? 'backup metadata' : 'backup artefacts';
      await copyOne(run, { kind, source, subject, what });
    }
    run.tally.measure('backupsCopied', 1);
  } catch (error) {
    if (run.signal.aborted || !isStoreError(error, 'not_found', 'changed')) throw error;
    leftOut(run, 'BACKUP_UNFINISHED', backup.name, 'it changed while it was copied');
  }
}

/** What the target would lack of a backup's volume data; `undefined` when it has all of it. */
async function lackOf(
  run: RouteRun,
  { name, source }: CompleteBackup,
  heldUntilMs: ReadonlyMap<string, number>,
): Promise<{ readonly code: LeftOut; readonly reason: string } | undefined> {
  const finishedMs = source.get(BACKUP_METADATA)?.lastModified.getTime() ?? 0;
  const behind = new Set(
    [...heldUntilMs].flatMap(([namespace, untilMs]) => (untilMs < finishedMs ? [namespace] : [])),
  );
  const needed = await referencedNamespaces(run.deps.source, name, { signal: run.signal });
  const absent = [...(needed ?? [])].filter((namespace) => !heldUntilMs.has(namespace));
  if (absent.length > 0) {
    const reason = `it needs ${absent.map(repositoryPrefix).join(', ')}, which the source lacks`;
    return { code: 'BACKUP_DEBRIS', reason };
  }
  const late = needed?.intersection(behind) ?? behind;
  if (late.size === 0) return undefined;
  const reason = `a repository that it needs (of ${[...late].join(', ')}) was not replicated`;
  return { code: 'BACKUP_UNFINISHED', reason };
}

async function isComplete(run: RouteRun, name: string, folder: BackupFolder): Promise<boolean> {
  const info = folder.get(BACKUP_METADATA);
  if (info === undefined) {
    const times = [...folder.values()].map(({ lastModified }) => lastModified.getTime());
    const newestMs = times.reduce((newest, time) => Math.max(newest, time), 0);
    const isYoung = run.now.getTime() - newestMs < UPLOAD_MS_MAX;
    const code = isYoung ? 'BACKUP_UNFINISHED' : 'BACKUP_DEBRIS';
    leftOut(run, code, name, `it has no ${BACKUP_METADATA}`);
    return false;
  }
  const metadata = await readMetadata(run, name, info);
  if (metadata === undefined) return false;
  const files = await writeTimes(run, name, folder, metadata);
  const verdict = judgeCompleteness(name, metadata, files, run.now);
  if (verdict.kind === 'complete') return true;
  const code = verdict.kind === 'debris' ? 'BACKUP_DEBRIS' : 'BACKUP_UNFINISHED';
  leftOut(run, code, name, verdict.reason);
  return false;
}

async function readMetadata(
  run: RouteRun,
  name: string,
  info: ObjectInfo,
): Promise<BackupMetadata | undefined> {
  if (info.sizeBytes > METADATA_SIZE_BYTES_MAX) {
    leftOut(run, 'BACKUP_DEBRIS', name, `its ${BACKUP_METADATA} has ${info.sizeBytes} bytes`);
    return undefined;
  }
  try {
    const options = { signal: run.signal, ifMatch: info.etag };
    const content = await run.deps.source.read(info.key, options);
    const metadata = parseBackupMetadata(Buffer.from(await collect(content.body)).toString('utf8'));
    if (typeof metadata !== 'string') return metadata;
    leftOut(run, 'BACKUP_DEBRIS', name, metadata);
  } catch (error) {
    if (run.signal.aborted || !isStoreError(error, 'not_found', 'changed')) throw error;
    leftOut(run, 'BACKUP_UNFINISHED', name, 'it changed while it was looked at');
  }
  return undefined;
}

/**
 * When Velero wrote the files. A source that is a replica itself has its metadata written last by
 * design, so that the times which its copies recorded count; on S3 only `stat` shows them.
 */
async function writeTimes(
  run: RouteRun,
  name: string,
  folder: BackupFolder,
  { hasOperations }: BackupMetadata,
): Promise<readonly BackupFile[]> {
  const files: BackupFile[] = [];
  for (const [file, listed] of folder) {
    const isDeciding = file === BACKUP_METADATA || file === `${name}${CONTENTS_SUFFIX}`;
    const info =
      hasOperations && isDeciding && listed.source === undefined
        ? ((await run.deps.source.stat(listed.key, { signal: run.signal })) ?? listed)
        : listed;
    files.push({ file, writtenAt: info.source?.lastModified ?? info.lastModified });
  }
  return files;
}

/** The copy's folder with the stamps of the two files that decide, where listings lack them. */
async function stampDeciding(
  run: RouteRun,
  name: string,
  folder: BackupFolder,
): Promise<BackupFolder> {
  const stamped = new Map(folder);
  for (const file of [BACKUP_METADATA, `${name}${CONTENTS_SUFFIX}`]) {
    const info = await withStamp(run, folder.get(file));
    if (info !== undefined) stamped.set(file, info);
  }
  return stamped;
}

type LeftOut = 'BACKUP_UNFINISHED' | 'BACKUP_DEBRIS';

function leftOut(run: RouteRun, code: LeftOut, backup: string, reason: string): void {
  const subject = `${run.deps.source.url}/${BACKUPS}${backup}`;
  run.tally.measure('backupsLeftOut', 1);
  run.tally.findings.push(finding(code, subject, `Left out backup "${backup}": ${reason}`));
}

function reportStrays(run: RouteRun, strays: readonly string[]): void {
  if (strays.length === 0) return;
  const subject = `${run.deps.source.url}/${BACKUPS}`;
  const message = `Left out ${strays.length} objects that lie in no backup's folder`;
  const evidence = { keys: strays.slice(0, 10) };
  run.tally.findings.push(finding('FOREIGN_OBJECTS', subject, message, { evidence }));
}

function reportGone(
  run: RouteRun,
  source: ReadonlyMap<string, BackupFolder>,
  target: ReadonlyMap<string, BackupFolder>,
): void {
  for (const [name, folder] of target) {
    if (!folder.has(BACKUP_METADATA) || source.get(name)?.has(BACKUP_METADATA)) continue;
    const subject = `${run.deps.target.url}/${metadataKey(name)}`;
    const message = `The replica shows backup "${name}", the source no longer lists it`;
    run.tally.findings.push(finding('BACKUP_GONE_AT_SOURCE', subject, message));
  }
}
