import type { RepositoryLook, RepositorySnapshot } from '../ledger/location-look.ts';
import type { Rung } from '../model/rung.ts';
import { shownReference } from '../snapshots/snapshot-error.ts';
import type { SnapshotAnswer } from '../snapshots/snapshot-witness.ts';
import type { VolumeFact } from '../velero/checks/backup-facts.ts';
import { isChosenSkip } from '../velero/checks/skipped.ts';
import { isCloudSnapshot, type SnapshotHome, snapshotState } from './snapshot-home.ts';

/** Who can say something about the data of volumes. What is not in a map was not asked. */
export interface VolumeWitnesses {
  readonly home: SnapshotHome;
  /** By handle. */
  readonly snapshots: ReadonlyMap<string, SnapshotAnswer>;
  /** By the namespace of the volumes that the repository holds. */
  readonly repositories: ReadonlyMap<string, RepositoryLook>;
  /** A proof that is older counts no more. */
  readonly proofAgeMsMax: number;
  readonly now: Date;
}

/** Where the data of one volume stands at a location. */
export interface VolumeStanding {
  /** Id of the volume in the backup's inventory. */
  readonly volume: string;
  readonly rung: Rung;
  /** `present` for cloud snapshots, `intact` for Kopia data, with a proof that is young enough. */
  readonly isProven: boolean;
  /** `nothing`: there was nothing to save, or nothing was saved. `other`: nobody here reads it. */
  readonly kind: 'kopia' | 'cloud-snapshot' | 'nothing' | 'restic' | 'other';
  /**
   * `missing`: there is nothing here that a restore could use. `unchecked`: who could tell was not
   * asked, or had no answer; the rung is what is known all the same.
   */
  readonly outcome: 'stands' | 'missing' | 'unchecked' | 'damaged';
  /** RFC 3339; when it was last shown to stand on the rung. */
  readonly provenAt?: string;
  /** Why it is not proven, a clause that names the volume. */
  readonly why?: string;
}

/**
 * Which rung the data of a volume reaches by what its witnesses say.
 * @param seenAt when the backup was looked at: a repository that was read before that cannot prove
 *   that a snapshot is missing
 */
export function volumeStanding(
  volume: VolumeFact,
  witnesses: VolumeWitnesses,
  seenAt: string,
): VolumeStanding {
  const standing = standingOfData(volume, witnesses, seenAt);
  const { why, ...rest } = standing;
  const clause = why !== undefined && { why: `volume ${shownReference(volume.id)}: ${why}` };
  return { volume: volume.id, ...rest, ...clause };
}

type DataStanding = Omit<VolumeStanding, 'volume'>;

const NOTHING_TO_SAVE: DataStanding = {
  rung: 'intact',
  isProven: true,
  kind: 'nothing',
  outcome: 'stands',
};

function standingOfData(
  volume: VolumeFact,
  witnesses: VolumeWitnesses,
  seenAt: string,
): DataStanding {
  const { method, result, handle } = volume;
  if (method === 'skipped') return ofSkipped(volume);
  if (method === 'none') return reported('nothing', 'missing', 'the backup holds no data of it');
  const kind = kindOf(volume);
  if (result === 'failed') return reported(kind, 'missing', 'saving its data failed');
  if (result === 'unfinished') {
    return reported(kind, 'missing', 'saving its data did not come to its end');
  }
  if (result === 'empty' && handle === undefined) return NOTHING_TO_SAVE;
  if (kind === 'cloud-snapshot') return ofCloudSnapshot(volume, witnesses);
  if (handle === undefined) {
    return reported(kind, 'missing', 'the backup names no snapshot of its data');
  }
  if (kind === 'kopia') return ofKopia(volume, witnesses, seenAt);
  const holder = kind === 'restic' ? 'restic, which is not read' : 'a form that is not known here';
  return reported(kind, 'unchecked', `its data is in ${holder}`);
}

/** A restore makes an empty volume: that is no recovery point, unless somebody wanted it so. */
function ofSkipped(volume: VolumeFact): DataStanding {
  if (isChosenSkip(volume)) return NOTHING_TO_SAVE;
  return reported('nothing', 'missing', 'Velero saved no data of it, and nobody chose to skip it');
}

function reported(
  kind: DataStanding['kind'],
  outcome: 'missing' | 'unchecked' | 'damaged',
  why: string,
): DataStanding {
  return { rung: 'reported', isProven: false, kind, outcome, why };
}

/** A repository namespace is named where Velero's own uploader wrote into Kopia, and only there. */
function kindOf(volume: VolumeFact): DataStanding['kind'] {
  if (isCloudSnapshot(volume)) return 'cloud-snapshot';
  if (volume.repositoryNamespace !== undefined) return 'kopia';
  return volume.method === 'fs-backup' && volume.driver === 'restic' ? 'restic' : 'other';
}

function ofCloudSnapshot(
  volume: VolumeFact,
  { home, snapshots, now }: VolumeWitnesses,
): DataStanding {
  const { state, why } = snapshotState(volume, home, snapshots);
  const kind = 'cloud-snapshot';
  if (state === 'usable') {
    const provenAt = now.toISOString();
    return { rung: 'present', isProven: true, kind, outcome: 'stands', provenAt };
  }
  if (state === 'pending' || state === 'unchecked') return reported(kind, 'unchecked', why);
  return reported(kind, state === 'failed' ? 'damaged' : 'missing', why);
}

/** The manifest that a volume names in its Kopia repository; `why` is a clause. */
export type ManifestState =
  | {
      readonly state: 'found';
      readonly look: RepositoryLook;
      readonly snapshot: RepositorySnapshot;
    }
  | { readonly state: 'missing' | 'unchecked'; readonly why: string };

/** @param seenAt as of `volumeStanding` */
export function manifestState(
  { handle = '', repositoryNamespace: namespace = '' }: VolumeFact,
  repositories: VolumeWitnesses['repositories'],
  seenAt: string,
): ManifestState {
  const look = repositories.get(namespace);
  const repository = repositoryName(namespace);
  if (look === undefined) return { state: 'unchecked', why: `${repository} was not read` };
  const snapshot = snapshotsOf(look).get(handle);
  if (snapshot?.isIncomplete === false) return { state: 'found', look, snapshot };
  const shown = shownReference(handle);
  if (snapshot !== undefined) {
    return { state: 'missing', why: `its snapshot ${shown} in ${repository} is incomplete` };
  }
  if (look.outcome === 'unchecked') {
    const reason = look.reason === undefined ? '' : `: ${look.reason}`;
    return { state: 'unchecked', why: `${repository} could not be checked${reason}` };
  }
  if (!(Date.parse(look.lookedAt) >= Date.parse(seenAt))) {
    return { state: 'unchecked', why: `${repository} was last read before this backup was` };
  }
  return { state: 'missing', why: `${repository} has no snapshot ${shown}` };
}

function repositoryName(namespace: string): string {
  return `the Kopia repository of ${shownReference(namespace)}`;
}

function ofKopia(
  volume: VolumeFact,
  { repositories, proofAgeMsMax, now }: VolumeWitnesses,
  seenAt: string,
): DataStanding {
  const kind = 'kopia';
  const manifest = manifestState(volume, repositories, seenAt);
  if (manifest.state !== 'found') return reported(kind, manifest.state, manifest.why);
  const { look, snapshot } = manifest;
  const { lookedAt, contentProvenAt } = look;
  const repository = repositoryName(volume.repositoryNamespace ?? '');
  if (snapshot.verdict === 'damaged') {
    const why = `its snapshot ${shownReference(snapshot.id)} in ${repository} is damaged`;
    return reported(kind, 'damaged', why);
  }
  const present = (why: string): DataStanding => ({
    rung: 'present',
    isProven: false,
    kind,
    outcome: 'stands',
    provenAt: lookedAt,
    why,
  });
  if (snapshot.verdict === 'unchecked') {
    return present(`the files of its snapshot in ${repository} could not be checked`);
  }
  if (contentProvenAt === undefined) {
    return present(`the contents of ${repository} were not all read`);
  }
  // A clock that was ahead must not make a proof young for ever.
  const ageMs = Math.abs(now.getTime() - Date.parse(contentProvenAt));
  if (!(ageMs <= proofAgeMsMax)) {
    return present(`some contents of ${repository} were last read on ${contentProvenAt}`);
  }
  return { rung: 'intact', isProven: true, kind, outcome: 'stands', provenAt: contentProvenAt };
}

/** Kept per look: a repository is asked for every volume of every backup. */
const indexes = new WeakMap<RepositoryLook, ReadonlyMap<string, RepositorySnapshot>>();

function snapshotsOf(look: RepositoryLook): ReadonlyMap<string, RepositorySnapshot> {
  const known = indexes.get(look);
  if (known !== undefined) return known;
  const index = new Map(look.snapshots.map((snapshot) => [snapshot.id, snapshot]));
  indexes.set(look, index);
  return index;
}
