import type { NamedLocation, SnapshotPlace } from '../config/config.ts';
import type { Location } from '../config/location.ts';
import { parseSnapshotResourceId, sameForArm } from '../snapshots/azure-resource-id.ts';
import { parseEbsReference } from '../snapshots/ec2-facts.ts';
import { shownReference } from '../snapshots/snapshot-error.ts';
import type { SnapshotAnswer, SnapshotFacts } from '../snapshots/snapshot-witness.ts';
import type { VolumeFact } from '../velero/checks/backup-facts.ts';

type Cloud = SnapshotPlace['kind'];

/** Where cloud snapshots must be for a restore from a location to use them. */
export interface SnapshotHome {
  /** Name of the location, for messages. */
  readonly location: string;
  /** Absent for folders and for S3-compatible stores whose `snapshots` are not set. */
  readonly cloud?: Cloud;
  readonly place?: SnapshotPlace;
  readonly region?: string;
  /** Of a replica: the home of the location that it is copied from. */
  readonly source?: SnapshotHome;
}

/** @param replicaOf the location that a route copies here from */
export function snapshotHomeOf(place: NamedLocation, replicaOf?: NamedLocation): SnapshotHome {
  const { name, location, snapshots } = place;
  const cloud = snapshots?.kind ?? cloudOf(location);
  const ofBucket = cloud === 'aws' && location.kind === 's3' ? location.region : undefined;
  const region = snapshots?.region ?? ofBucket;
  return {
    location: name,
    ...(cloud !== undefined && { cloud }),
    ...(snapshots !== undefined && { place: snapshots }),
    ...(region !== undefined && { region }),
    ...(replicaOf !== undefined && { source: snapshotHomeOf(replicaOf) }),
  };
}

function cloudOf(location: Location): Cloud | undefined {
  if (location.kind === 'azblob') return 'azure';
  if (location.kind === 'file') return undefined;
  const host = location.endpoint === undefined ? undefined : new URL(location.endpoint).hostname;
  return host === undefined || /\.amazonaws\.com(\.cn)?$/.test(host) ? 'aws' : undefined;
}

/** Data of the volume is outside the store, in a snapshot that some cloud or array keeps. */
export function isCloudSnapshot({ method }: VolumeFact): boolean {
  return method === 'native' || method === 'csi';
}

export type Usability =
  | { readonly usable: true }
  | { readonly usable: false | 'unknown'; readonly why: string };

/**
 * Whether a restore from this location could use the volume's snapshot: snapshots cannot leave
 * their cloud, account and region (reference `velero.md` 7.4). `unknown` never counts as usable.
 */
export function isUsableHere(volume: VolumeFact, home: SnapshotHome): Usability {
  const no = (why: string): Usability => ({ usable: false, why });
  const unknown = (why: string): Usability => ({ usable: 'unknown', why });
  const held = heldBy(volume);
  const here = shownReference(home.location);
  const unset = `the location ${here} does not say where its snapshots are ("snapshots:")`;
  if (home.cloud === undefined) {
    if (home.source === undefined) return unknown(unset);
    return no(`its data is in a cloud snapshot, and the location ${here} is in no cloud`);
  }
  const from = held?.cloud ?? home.source?.cloud;
  if (from !== undefined && from !== home.cloud) {
    return no(`its snapshot is in ${CLOUDS[from]}, the location ${here} in ${CLOUDS[home.cloud]}`);
  }
  if (held === undefined) {
    return unknown(`nobody here can look up snapshots of ${shownReference(driverOf(volume))}`);
  }
  const owner = home.place && accountOf(home.place);
  if (differs(held.account, owner)) {
    return no(`its snapshot is in ${accountWord(home.cloud)} ${held.account}, not in ${owner}`);
  }
  if (differs(held.region, home.region)) {
    return no(`its snapshot is in the region ${held.region}, not in ${home.region}`);
  }
  if (home.place === undefined) return unknown(unset);
  return home.source === undefined ? { usable: true } : usableAtReplica(home, home.source);
}

function usableAtReplica(home: SnapshotHome, source: SnapshotHome): Usability {
  const names = `the locations ${shownReference(source.location)} and ${shownReference(home.location)}`;
  const own = home.place && accountOf(home.place);
  const theirs = source.place && accountOf(source.place);
  if (differs(own, theirs)) {
    const why = `its snapshot is in ${accountWord(home.place?.kind)} ${theirs}, not in ${own}`;
    return { usable: false, why };
  }
  if (differs(home.region, source.region)) {
    const why = `its snapshot is in the region ${source.region}, not in ${home.region}`;
    return { usable: false, why };
  }
  const areSet = [own, theirs, home.region, source.region].every((each) => each !== undefined);
  if (areSet) return { usable: true };
  const why = `${names} do not both say where their snapshots are ("snapshots:", with the region)`;
  return { usable: 'unknown', why };
}

const CLOUDS: Readonly<Record<Cloud, string>> = { aws: 'AWS', azure: 'Azure' };

function accountWord(cloud: Cloud | undefined): string {
  return cloud === 'azure' ? 'the subscription' : 'the account';
}

function accountOf(place: SnapshotPlace): string {
  return place.kind === 'aws' ? place.account : place.subscription;
}

/** Both known, and not the same; Azure ignores letter case, and spaces in names of regions. */
function differs(left: string | undefined, right: string | undefined): boolean {
  if (left === undefined || right === undefined) return false;
  return plain(left) !== plain(right);
}

function plain(text: string): string {
  return sameForArm(text).replaceAll(' ', '');
}

interface Held {
  readonly cloud: Cloud;
  readonly account?: string;
  readonly region?: string;
}

/** Drivers that put the id of the cloud into the handle; those of all others are opaque. */
const DRIVERS: ReadonlyMap<string, Cloud> = new Map([
  ['ebs.csi.aws.com', 'aws'],
  ['ebs.csi.eks.amazonaws.com', 'aws'],
  ['disk.csi.azure.com', 'azure'],
]);

function heldBy({ method, driver, handle = '', zone = '' }: VolumeFact): Held | undefined {
  const ebs = parseEbsReference(handle);
  const disk = parseSnapshotResourceId(handle);
  const byHandle = ebs !== undefined ? 'aws' : disk !== undefined ? 'azure' : undefined;
  const cloud = method === 'csi' ? DRIVERS.get(driver ?? '') : byHandle;
  if (cloud === undefined) return undefined;
  const account = cloud === 'aws' ? ebs?.account : disk?.subscription;
  const region = (cloud === 'aws' ? ebs?.region : undefined) ?? regionOf(zone, cloud);
  return {
    cloud,
    ...(account !== undefined && { account }),
    ...(region !== undefined && { region }),
  };
}

/** `eu-central-1a`, `us-west-2-lax-1a` (a local zone); Azure writes `westeurope-1`. */
const ZONES: Readonly<Record<Cloud, RegExp>> = {
  aws: /^([a-z]{2,4}(?:-[a-z]{2,12}){1,3}-\d{1,2})(?:[a-z]|-[a-z0-9-]+)$/,
  azure: /^([a-z0-9]+)-\d{1,2}$/,
};

function regionOf(zone: string, cloud: Cloud): string | undefined {
  return ZONES[cloud].exec(zone)?.[1];
}

function driverOf({ driver, method }: VolumeFact): string {
  return driver ?? (method === 'csi' ? 'an unknown driver' : 'an unknown cloud');
}

/** What is known of a volume's snapshot; `why` says it in a clause. */
export interface SnapshotState {
  readonly state:
    | 'usable'
    | 'missing'
    | 'pending'
    | 'failed'
    | 'archived'
    /** In another cloud, account or region: whether it exists is not asked. */
    | 'elsewhere'
    | 'unchecked';
  readonly why: string;
  readonly hint?: string;
}

/** @param answers by handle; a handle that is not among them was not asked for */
export function snapshotState(
  volume: VolumeFact,
  home: SnapshotHome,
  answers: ReadonlyMap<string, SnapshotAnswer>,
): SnapshotState {
  const { handle } = volume;
  // Velero writes the word where it did not find the content of a VolumeSnapshot.
  if (handle === undefined || handle === 'unknown') {
    return { state: 'missing', why: 'the backup names no snapshot of its data' };
  }
  const use = isUsableHere(volume, home);
  if (use.usable === false) return { state: 'elsewhere', why: use.why };
  if (use.usable === 'unknown') return { state: 'unchecked', why: use.why };
  const answer = answers.get(handle);
  const shown = shownReference(handle);
  if (answer === undefined) {
    return { state: 'unchecked', why: `nobody was asked about its snapshot ${shown}` };
  }
  if (answer.outcome === 'unchecked') {
    return { state: 'unchecked', why: answer.message, hint: answer.hint };
  }
  if (answer.outcome === 'absent') {
    return { state: 'missing', why: `its snapshot ${shown} does not exist` };
  }
  return stateOfFound(answer.facts, shown, home);
}

const RECYCLE_BIN_HINT =
  'Bring it back before the Recycle Bin drops it: "aws ec2 restore-snapshot-from-recycle-bin --snapshot-id <handle>"';

function stateOfFound(facts: SnapshotFacts, shown: string, home: SnapshotHome): SnapshotState {
  const { state, vendorState, stateReason, progressPercent, account, region, archived } = facts;
  const owner = home.place && accountOf(home.place);
  if (differs(account, owner)) {
    const whose = `${accountWord(home.cloud)} ${account}`;
    const why = `its snapshot ${shown} belongs to ${whose}, which only shares it`;
    return { state: 'elsewhere', why };
  }
  if (differs(region, home.region)) {
    const why = `its snapshot ${shown} is in the region ${region}, not in ${home.region}`;
    return { state: 'elsewhere', why };
  }
  const reason = stateReason === undefined ? '' : `: ${shownReference(stateReason)}`;
  if (state === 'failed') return { state, why: `its snapshot ${shown} failed${reason}` };
  if (state === 'deleting')
    return { state: 'missing', why: `its snapshot ${shown} is being deleted` };
  if (state === 'recoverable') {
    const why = `its snapshot ${shown} was deleted, and is in the Recycle Bin`;
    return { state: 'missing', why, hint: RECYCLE_BIN_HINT };
  }
  if (archived) return { state: 'archived', why: `its snapshot ${shown} is in an archive tier` };
  if (state === 'pending') {
    const done = progressPercent === undefined ? '' : ` (${progressPercent} %)`;
    return { state, why: `its snapshot ${shown} is still being made${done}` };
  }
  if (state === 'completed') return { state: 'usable', why: `its snapshot ${shown} is there` };
  const why = `its snapshot ${shown} is in the state ${shownReference(vendorState)}`;
  return { state: 'unchecked', why };
}
