import { type Finding, type FindingCode, isAtLeast } from '../../model/finding.ts';
import type { CallOptions, ObjectInfo, ObjectReader } from '../../stores/store.ts';
import {
  type BackupArtefacts,
  isVeleroFile,
  readBackupArtefacts,
} from '../artefacts/backup-artefacts.ts';
import { type ContentsSummary, summarizeContents } from '../artefacts/contents-summary.ts';
import { volumeInventory } from '../artefacts/inventory.ts';
import { shown } from '../artefacts/json.ts';
import { type Artefact, type ArtefactLimits, readUnparsed } from '../artefacts/stored.ts';
import { type Completeness, judgeCompleteness } from '../completeness.ts';
import {
  artefactKey,
  BACKUP_METADATA,
  CONTENTS_SUFFIX,
  parseBackupKey,
  restoreReads,
} from '../layout.ts';
import { artefactFindings } from './artefact-findings.ts';
import { type BackupFacts, type BackupObject, CHECKS_VERSION } from './backup-facts.ts';
import { type BackupRead, everyArtefact } from './backup-read.ts';
import { contentsFindings } from './contents-findings.ts';
import {
  compact,
  contentsFacts,
  errorFacts,
  NAMES_MAX,
  resourceFacts,
  volumeFacts,
} from './facts-of.ts';
import { addressed, backupSubject } from './plain.ts';
import { statusFindings } from './status-findings.ts';
import { volumeFindings } from './volume-findings.ts';

export interface LookOptions {
  /** Of the location, for the subjects of findings. */
  readonly url: string;
  /** A replica is written in the opposite order: its velero-backup.json comes last. */
  readonly role: 'source' | 'replica';
  /** Decides whether two writes of the same second are well past, and nothing else. */
  readonly now: Date;
  readonly signal?: AbortSignal;
}

/**
 * Reads one backup whole, as it lies in the store, and judges what its bytes alone tell: one request
 * for each of its objects. Of one that Velero is still at work on the tarball is left for later.
 * @param reader of the Velero root: its keys begin with `backups/`.
 * @param files of the backup's folder, as they were listed.
 * @throws StoreError other than `not_found` and `archived`: what could not be looked at is neither
 * absent nor damaged (S7).
 */
export async function lookAtBackup(
  reader: ObjectReader,
  backup: string,
  files: readonly ObjectInfo[],
  { url, role, now, signal }: LookOptions,
): Promise<BackupFacts> {
  const options = signal === undefined ? {} : { signal };
  const artefacts = await readBackupArtefacts(reader, backup, { ...options, listed: files });
  const judged = judge(artefacts, role, now);
  const isLeft =
    judged.kind === 'unfinished' || !artefacts.files.has(`${backup}${CONTENTS_SUFFIX}`);
  const contents: Artefact<ContentsSummary> = isLeft
    ? { state: 'absent', key: artefactKey(backup, CONTENTS_SUFFIX) }
    : await summarizeContents(reader, backup, options);
  const inventory = volumeInventory(artefacts, contents);
  const subject = backupSubject(url, backup);
  const parsed: BackupRead = {
    subject,
    artefacts,
    contents,
    rest: [],
    inventory,
    completeness: judged,
  };
  const rest = judged.kind === 'unfinished' ? [] : await readRest(reader, parsed, files, options);
  const completeness = hasChanged({ ...parsed, rest }, files) ? CHANGED : judged;
  return factsOf({ ...parsed, rest, completeness }, files, now);
}

const CHANGED: Completeness = { kind: 'unfinished', reason: 'it changed while it was read' };

/** Whether the store holds all of the backup that Velero will ever write. */
function judge(
  { backup, files, metadata }: BackupArtefacts,
  role: LookOptions['role'],
  now: Date,
): Completeness {
  if (metadata.state === 'absent') return debris(`it has no ${BACKUP_METADATA}`);
  if (metadata.state === 'archived') return debris(`${BACKUP_METADATA} lies in an archive tier`);
  if (metadata.state !== 'read') return debris(`${BACKUP_METADATA} cannot be read`);
  const { uid, status, writtenSince } = metadata.value;
  const { phase, meaning, operations } = status;
  if (meaning === 'none') return debris('it has no phase');
  if (meaning === 'never-stored') return debris(`Velero never stores the phase "${phase}"`);
  if (meaning === 'unknown') return { kind: 'unfinished', reason: `its phase is ${shown(phase)}` };
  const hasOperations = role === 'source' && operations.attempted > 0;
  const written = [...files].map(([file, { source, lastModified }]) => ({
    file,
    writtenAt: source?.lastModified ?? lastModified,
  }));
  return judgeCompleteness(backup, { uid, phase, hasOperations, writtenSince }, written, now);
}

function debris(reason: string): Completeness {
  return { kind: 'debris', reason };
}

/** Logs compress well; of larger objects that nobody reads nothing depends on their hash (S10). */
const REST_LIMITS: ArtefactLimits = {
  storedSizeBytesMax: 64 * 1024 * 1024,
  inflatedSizeBytesMax: 1024 ** 3,
};
/** Of all of them together, so that a thousand foreign ones do not cost hours. */
const REST_SIZE_BYTES_MAX = 512 * 1024 * 1024;

/** Reads what no check parses or could parse, for its hash; and of Velero's own that it inflates. */
async function readRest(
  reader: ObjectReader,
  parsed: BackupRead,
  files: readonly ObjectInfo[],
  options: CallOptions,
): Promise<readonly Artefact<undefined>[]> {
  const { backup } = parsed.artefacts;
  const states = new Map(everyArtefact(parsed).map((each) => [keyOf(each), each.state]));
  const rest: Artefact<undefined>[] = [];
  let sizeBytes = 0;
  for (const { key, sizeBytes: own } of files) {
    const state = states.get(key);
    const isSmall = own <= REST_LIMITS.storedSizeBytesMax;
    const isOpen =
      state === undefined || state === 'unreadable' || (state === 'too-large' && isSmall);
    if (!isOpen || own === 0 || own + sizeBytes > REST_SIZE_BYTES_MAX) continue;
    const file = parseBackupKey(key)?.file ?? '';
    const isGzip = state === undefined && file.endsWith('.gz') && isVeleroFile(backup, file);
    const read = await readUnparsed(reader, key, REST_LIMITS, { ...options, isGzip });
    rest.push(read);
    if (read.state === 'unreadable') {
      rest.push(await readUnparsed(reader, key, REST_LIMITS, { ...options, isGzip: false }));
    }
    sizeBytes += own;
  }
  return rest;
}

function keyOf(artefact: Artefact<unknown>): string {
  return artefact.state === 'read' ? artefact.stored.key : artefact.key;
}

/** Whether an object was another one when it was read than when it was listed, or gone. */
function hasChanged(read: BackupRead, files: readonly ObjectInfo[]): boolean {
  const etags = new Map(files.map(({ key, etag }) => [key, etag]));
  return everyArtefact(read).some((artefact) => {
    if (artefact.state === 'read') return etags.get(artefact.stored.key) !== artefact.stored.etag;
    const wasAsked = read.completeness.kind !== 'unfinished' || artefact !== read.contents;
    return artefact.state === 'absent' && wasAsked && etags.has(artefact.key);
  });
}

function factsOf(read: BackupRead, files: readonly ObjectInfo[], now: Date): BackupFacts {
  const { artefacts, contents, inventory, completeness } = read;
  const { backup, metadata, nativeSnapshots, results } = artefacts;
  const native = nativeSnapshots.state === 'read' ? nativeSnapshots.value : [];
  const hashes = new Map<string, string>();
  for (const each of everyArtefact(read)) {
    if (each.state === 'read') hashes.set(each.stored.key, each.stored.sha256);
  }
  const findings = completeness === CHANGED ? [] : addressed(findingsOf(read), backup);
  return compact<BackupFacts>({
    checks: CHECKS_VERSION,
    backup,
    lookedAt: now.toISOString(),
    completeness: completeness.kind,
    incompleteReason: completeness.kind === 'complete' ? undefined : completeness.reason,
    resource: metadata.state === 'read' ? resourceFacts(metadata.value) : undefined,
    objects: files.map((info) => objectOf(info, completeness === CHANGED ? undefined : hashes)),
    contents: contents.state === 'read' ? contentsFacts(contents.value) : undefined,
    volumes: volumeFacts(inventory.volumes, native),
    unreadVolumeLists: unreadOf(read),
    errors: results.state === 'read' ? errorFacts(results.value.errors) : undefined,
    isWhole: completeness.kind === 'complete' && isWhole(read, findings),
    findings,
  });
}

function unreadOf({ inventory, artefacts }: BackupRead): readonly string[] {
  const { volumes, unread } = inventory;
  if (volumes.length <= NAMES_MAX) return unread;
  return [...unread, `volumes of ${artefacts.backup} above ${NAMES_MAX}`];
}

function objectOf(info: ObjectInfo, hashes: ReadonlyMap<string, string> | undefined): BackupObject {
  const { key, sizeBytes, etag, lastModified, storageClass } = info;
  return compact<BackupObject>({
    key,
    sizeBytes,
    etag,
    lastModified: lastModified.toISOString(),
    storageClass,
    sha256: hashes?.get(key),
  });
}

function findingsOf(read: BackupRead): readonly Finding[] {
  // What a failed upload left is no backup: only its age matters.
  if (read.artefacts.metadata.state === 'absent') return [];
  const checks = [artefactFindings, statusFindings, contentsFindings, volumeFindings];
  return checks.flatMap((check) => check(read));
}

/** That the tarball, or the whole folder, is not what Velero put there under this name. */
const FOREIGN: readonly FindingCode[] = [
  'BACKUP_NAME_DIFFERS',
  'CONTENTS_DISAGREE',
  'COPIES_DIFFER',
  'FORMAT_VERSION_DIFFERS',
  'TARBALL_HOSTILE',
];

function isWhole(read: BackupRead, findings: readonly Finding[]): boolean {
  const { artefacts, contents } = read;
  const { backup, metadata, podVolumeBackups, nativeSnapshots } = artefacts;
  const needed = [metadata, contents, podVolumeBackups, nativeSnapshots];
  if (needed.some(({ state }) => state !== 'read')) return false;
  const isForeign = ({ code, severity }: Finding): boolean =>
    FOREIGN.includes(code) && isAtLeast(severity, 'error');
  if (findings.some(isForeign)) return false;
  return everyArtefact(read).every((each) => {
    const file = parseBackupKey(keyOf(each))?.file ?? '';
    return each.state === 'read' || each.state === 'absent' || !restoreReads(backup, file);
  });
}
