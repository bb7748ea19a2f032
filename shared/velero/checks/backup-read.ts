import type { Finding } from '../../model/finding.ts';
import type { BackupArtefacts } from '../artefacts/backup-artefacts.ts';
import type { ContentsSummary } from '../artefacts/contents-summary.ts';
import type { VolumeInventory } from '../artefacts/inventory.ts';
import type { Artefact } from '../artefacts/stored.ts';
import type { Completeness } from '../completeness.ts';

/** One backup as it was read, for the checks that judge it. */
export interface BackupRead {
  /** Of its findings: `<location url>/backups/<name>`. */
  readonly subject: string;
  readonly artefacts: BackupArtefacts;
  readonly contents: Artefact<ContentsSummary>;
  /** The log and whatever else in the folder no check parses. */
  readonly rest: readonly Artefact<undefined>[];
  readonly inventory: VolumeInventory;
  readonly completeness: Completeness;
}

/** A check of a backup that was read; pure. */
export type BackupCheck = (read: BackupRead) => readonly Finding[];

/** Everything of a backup that was to be read, the tarball included. */
export function everyArtefact({
  artefacts,
  contents,
  rest,
}: BackupRead): readonly Artefact<unknown>[] {
  const { metadata, podVolumeBackups, nativeSnapshots, operations, resourceList } = artefacts;
  const { results, volumeInfo, csiSnapshots, csiContents } = artefacts;
  const lists = [podVolumeBackups, nativeSnapshots, operations, resourceList, results, volumeInfo];
  return [metadata, contents, ...lists, csiSnapshots, csiContents, ...rest];
}
