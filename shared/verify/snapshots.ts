import type { RepositoryLook } from '../ledger/location-look.ts';
import { type Finding, type FindingCode, finding } from '../model/finding.ts';
import { shownReference } from '../snapshots/snapshot-error.ts';
import type { SnapshotAnswer } from '../snapshots/snapshot-witness.ts';
import type { BackupFacts, VolumeFact } from '../velero/checks/backup-facts.ts';
import { backupSubject } from '../velero/checks/plain.ts';
import {
  isCloudSnapshot,
  isUsableHere,
  type SnapshotHome,
  type SnapshotState,
  snapshotState,
} from './snapshot-home.ts';
import { manifestState } from './volumes.ts';

/** The handles of cloud snapshots that the cloud of `home` can be asked about, each once. */
export function snapshotQuestions(
  facts: readonly BackupFacts[],
  home: SnapshotHome,
): readonly string[] {
  const handles = snapshotsOf(facts).filter((volume) => isUsableHere(volume, home).usable === true);
  return [...new Set(handles.map(({ handle }) => handle).filter((each) => each !== undefined))];
}

/** Those that were taken; what failed or never ended is told from the backup's own bytes. */
function snapshotsOf(facts: readonly BackupFacts[]): readonly VolumeFact[] {
  return facts.filter(isRecoveryPoint).flatMap(({ volumes }) => volumes.filter(isTaken));
}

/** Only finished backups promise anything of their volumes. */
function isRecoveryPoint({ completeness, resource }: BackupFacts): boolean {
  return completeness === 'complete' && resource?.phase !== 'Failed';
}

function isTaken(volume: VolumeFact): boolean {
  return isCloudSnapshot(volume) && volume.result === 'succeeded';
}

export interface SnapshotsQuestion {
  readonly facts: readonly BackupFacts[];
  /** Of the handles that were asked about. */
  readonly answers: ReadonlyMap<string, SnapshotAnswer>;
  /** By the namespace of the volumes that the repository holds. */
  readonly repositories: ReadonlyMap<string, RepositoryLook>;
  readonly home: SnapshotHome;
  /** Of the location. */
  readonly url: string;
}

/**
 * What is wrong with the snapshots that finished backups need: one finding per backup and kind. What
 * could not be checked is one for the location, since it is one witness that is missing.
 */
export function snapshotFindings(question: SnapshotsQuestion): readonly Finding[] {
  const { facts, url } = question;
  const troubles = facts.filter(isRecoveryPoint).flatMap((each) => troublesOf(each, question));
  const groups = Map.groupBy(troubles, ({ code, backup }) =>
    code === 'SNAPSHOT_UNCHECKED' ? code : `${code} ${backup}`,
  );
  return [...groups.values()].map((own) => grouped(own, url));
}

const CODES: Readonly<Record<Exclude<SnapshotState['state'], 'usable'>, FindingCode>> = {
  missing: 'SNAPSHOT_MISSING',
  pending: 'SNAPSHOT_PENDING',
  failed: 'SNAPSHOT_FAILED',
  archived: 'SNAPSHOT_ARCHIVED',
  elsewhere: 'SNAPSHOT_ELSEWHERE',
  unchecked: 'SNAPSHOT_UNCHECKED',
};

interface Trouble {
  readonly code: FindingCode;
  readonly backup: string;
  readonly volume: VolumeFact;
  readonly why: string;
  readonly hint?: string | undefined;
}

function troublesOf(facts: BackupFacts, question: SnapshotsQuestion): readonly Trouble[] {
  return facts.volumes.flatMap((volume) =>
    isCloudSnapshot(volume)
      ? ofSnapshot(volume, facts, question)
      : ofManifest(volume, facts, question),
  );
}

function ofSnapshot(
  volume: VolumeFact,
  { backup }: BackupFacts,
  { home, answers }: SnapshotsQuestion,
): readonly Trouble[] {
  if (!isTaken(volume)) return [];
  const { state, why, hint } = snapshotState(volume, home, answers);
  return state === 'usable' ? [] : [{ code: CODES[state], backup, volume, why, hint }];
}

/** Damage and what could not be read are findings of the repository. */
function ofManifest(
  volume: VolumeFact,
  { backup, lookedAt }: BackupFacts,
  { repositories }: SnapshotsQuestion,
): readonly Trouble[] {
  const isNamed = volume.result === 'succeeded' && volume.handle !== undefined;
  if (!isNamed || volume.repositoryNamespace === undefined) return [];
  const manifest = manifestState(volume, repositories, lookedAt);
  if (manifest.state !== 'missing') return [];
  return [{ code: 'VOLUME_MANIFEST_MISSING', backup, volume, why: manifest.why }];
}

const NAMED_MAX = 20;

function grouped(troubles: readonly Trouble[], url: string): Finding {
  const [first] = troubles;
  if (first === undefined) throw new TypeError('A group has members');
  const { code, backup, volume, why, hint } = first;
  const distinct = (texts: readonly string[]): readonly string[] =>
    [...new Set(texts)].slice(0, NAMED_MAX);
  const more = troubles.length > 1 ? ` (and of ${troubles.length - 1} more)` : '';
  const message = `Volume ${shownReference(volume.id)} of backup "${backup}"${more}: ${why}`;
  const subject = code === 'SNAPSHOT_UNCHECKED' ? url : backupSubject(url, backup);
  const evidence = {
    count: troubles.length,
    volumes: distinct(troubles.map((each) => each.volume.id)),
    handles: distinct(troubles.flatMap((each) => each.volume.handle ?? [])),
    reasons: distinct(troubles.map((each) => each.why)),
    ...(code === 'SNAPSHOT_UNCHECKED' && { backups: distinct(troubles.map((t) => t.backup)) }),
  };
  return finding(code, subject, message, { ...(hint && { hint }), evidence });
}
