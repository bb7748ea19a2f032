import type { CallOptions, ObjectReader } from '../stores/store.ts';
import { type Artefact, LIST_LIMITS, readArtefact } from './artefacts/stored.ts';
import {
  type PodVolumeBackup,
  parseList,
  parsePodVolumeBackup,
  parseVolumeInfo,
  type VolumeInfo,
} from './artefacts/volume-lists.ts';
import { artefactKey, POD_VOLUME_BACKUPS_SUFFIX, VOLUME_INFO_SUFFIX } from './layout.ts';

/**
 * The namespaces whose Kopia repositories a backup needs: those of its pod volume backups and of
 * its moved CSI snapshots (reference `velero.md` 3.1). A volume without a snapshot, because it failed
 * or was empty, needs none; restic and the data movers of others keep theirs elsewhere.
 * @returns `undefined` when a list cannot be read, so that nothing is known about its needs.
 */
export async function referencedNamespaces(
  reader: ObjectReader,
  backup: string,
  options: CallOptions = {},
): Promise<ReadonlySet<string> | undefined> {
  const read = <T>(
    suffix: string,
    parse: (record: unknown) => T,
  ): Promise<Artefact<readonly T[]>> =>
    readArtefact(reader, artefactKey(backup, suffix), LIST_LIMITS, parseList(parse), options);
  const podVolumes = recordsOf(await read(POD_VOLUME_BACKUPS_SUFFIX, parsePodVolumeBackup));
  const volumes = recordsOf(await read(VOLUME_INFO_SUFFIX, parseVolumeInfo));
  if (podVolumes === undefined || volumes === undefined) return undefined;
  const namespaces = [...podVolumes.map(ofPodVolume), ...volumes.flatMap(ofVolume)];
  return new Set(namespaces.filter((name) => name !== '').filter((name) => name !== undefined));
}

/** Velero's own, by the names it gives it. */
export function isOwnDataMover(name: string): boolean {
  return name === '' || name === 'velero';
}

function ofPodVolume({ uploader, snapshotId, pod }: PodVolumeBackup): string | undefined {
  return uploader === 'kopia' && snapshotId !== undefined ? pod?.namespace : undefined;
}

function ofVolume({ claim, moved, podVolume }: VolumeInfo): (string | undefined)[] {
  const isMoved = moved?.handle !== undefined && isOwnDataMover(moved.dataMover);
  const isInPod = podVolume?.handle !== undefined && podVolume.uploader === 'kopia';
  return [isMoved ? claim?.namespace : undefined, isInPod ? podVolume.pod?.namespace : undefined];
}

/** An absent list is an empty one: backups of versions before 1.13 have no volume information. */
function recordsOf<T>(list: Artefact<readonly T[]>): readonly T[] | undefined {
  if (list.state === 'absent') return [];
  return list.state === 'read' ? list.value : undefined;
}
