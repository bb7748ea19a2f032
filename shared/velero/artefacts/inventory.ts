import type { BackupArtefacts } from './backup-artefacts.ts';
import type { ContentsSummary } from './contents-summary.ts';
import {
  fromCsi,
  fromDataUploads,
  fromNativeSnapshot,
  fromOperation,
  fromPodVolumeBackup,
  fromVolumeInfo,
  type VolumeMethod,
  type VolumeRecord,
  type VolumeResult,
  type Witness,
} from './inventory-records.ts';
import type { Artefact } from './stored.ts';
import type { NamespacedName } from './volume-lists.ts';

/** One volume of a backup, with all that its witnesses say. */
export interface InventoryVolume {
  /** `namespace/name` of its claim; else `pv:<name>` or `pod:<namespace>/<pod>/<volume>`. */
  readonly id: string;
  readonly claim: NamespacedName | undefined;
  readonly persistentVolume: string | undefined;
  /** `none`: the claim is in the tarball, and nobody says anything about its data. */
  readonly method: VolumeMethod | 'none';
  readonly handle: string | undefined;
  readonly result: VolumeResult;
  readonly sizeBytes: number | undefined;
  /** The CSI driver, or the uploader that is not Kopia: `restic`, a data mover of somebody's. */
  readonly driver: string | undefined;
  /** Namespace of the Kopia repository that holds it. */
  readonly repositoryNamespace: string | undefined;
  /** Why it was skipped, or what its error was. */
  readonly reason: string | undefined;
  readonly isClaimInTarball: boolean;
  readonly witnesses: readonly Witness[];
}

export interface Contradiction {
  readonly kind: /** Others know of data of which `-volumeinfo.json.gz` says nothing. */
    | 'not-in-volume-info'
    /** `-volumeinfo.json.gz` names data for which the witness that a restore needs is missing. */
    | 'only-in-volume-info'
    | 'method-differs'
    | 'handle-differs'
    | 'result-differs'
    /** Finished well, and nobody has a handle. */
    | 'handle-missing'
    /** A bound claim without any record of its data. */
    | 'claim-without-data';
  readonly volume: string;
  readonly message: string;
}

export interface VolumeInventory {
  /** Ascending by id. */
  readonly volumes: readonly InventoryVolume[];
  readonly contradictions: readonly Contradiction[];
  /** What could not be read or was cut: about volumes known there alone nothing is said. */
  readonly unread: readonly string[];
}

/** Joins what all witnesses of a backup say of its volumes (reference `velero.md` 3.1, 3.2). */
export function volumeInventory(
  artefacts: BackupArtefacts,
  contents: Artefact<ContentsSummary>,
): VolumeInventory {
  const unread: string[] = [];
  const read = <T>(artefact: Artefact<T>): T | undefined => {
    if (artefact.state === 'read') return artefact.value;
    if (artefact.state !== 'absent') unread.push(artefact.key);
    return undefined;
  };
  const facts = read(contents);
  if (contents.state === 'absent') unread.push(contents.key);
  if (facts?.isCut === true && contents.state === 'read') unread.push(contents.stored.key);
  const info = read(artefacts.volumeInfo);
  const lists = read(artefacts.csiSnapshots) ?? [];
  const records = [
    ...(info ?? []).map(fromVolumeInfo),
    ...(read(artefacts.podVolumeBackups) ?? []).map(fromPodVolumeBackup),
    ...(read(artefacts.nativeSnapshots) ?? []).map(fromNativeSnapshot),
    ...(facts === undefined ? [] : fromDataUploads(facts)),
    ...(facts === undefined ? [] : fromCsi('csi-content', facts.csiSnapshots, facts.csiContents)),
    ...fromCsi('csi-lists', lists, read(artefacts.csiContents) ?? []),
    ...(read(artefacts.operations) ?? []).map(fromOperation),
  ].filter((record) => record !== undefined);

  const groups = group(records, info, facts);
  const known = new Set((facts?.claims ?? []).map(idOfClaim));
  const contradictions: Contradiction[] = [];
  const volumes: InventoryVolume[] = [];
  for (const [id, own] of groups) {
    volumes.push(volumeOf(id, own, known.has(id)));
    const claims = (kind: Contradiction['kind'], message: string): void =>
      void contradictions.push({ kind, volume: id, message });
    checkVolume(own, info !== undefined, facts !== undefined, claims);
  }
  for (const claim of facts?.claims ?? []) {
    const id = idOfClaim(claim);
    if (groups.has(id)) continue;
    const { namespace, name, volume } = claim;
    const record = { namespace, name };
    volumes.push({ ...volumeOf(id, [], true), claim: record, persistentVolume: volume });
    if (volume === undefined) continue;
    const message = 'no list of the backup says how its data was taken';
    contradictions.push({ kind: 'claim-without-data', volume: id, message });
  }
  volumes.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  return { volumes, contradictions, unread };
}

type Group = readonly VolumeRecord[];

function idOfClaim({ namespace, name }: NamespacedName): string {
  return `${namespace}/${name}`;
}

/** Finds the claim of each record, by its persistent volume or by its pod where it names none. */
function group(
  records: readonly VolumeRecord[],
  info: BackupArtefacts['volumeInfo'] extends Artefact<infer T> ? T | undefined : never,
  facts: ContentsSummary | undefined,
): ReadonlyMap<string, Group> {
  const byVolume = new Map<string, string>();
  for (const { name, claim } of facts?.volumes ?? [])
    if (claim) byVolume.set(name, idOfClaim(claim));
  const byPod = new Map<string, string>();
  for (const { namespace, name, claims } of facts?.pods ?? []) {
    for (const [volume, claim] of claims) {
      byPod.set(`${namespace}/${name}/${volume}`, `${namespace}/${claim}`);
    }
  }
  for (const { claim, persistentVolume, podVolume } of info ?? []) {
    if (claim === undefined) continue;
    if (persistentVolume !== undefined) byVolume.set(persistentVolume, idOfClaim(claim));
    const { pod, volume } = podVolume ?? {};
    if (pod) byPod.set(`${pod.namespace}/${pod.name}/${volume}`, idOfClaim(claim));
  }
  const idOf = ({ claim, persistentVolume, pod, handle, witness }: VolumeRecord): string => {
    if (claim !== undefined) return idOfClaim(claim);
    const inPod = pod && `${pod.namespace}/${pod.name}/${pod.volume}`;
    if (inPod !== undefined) return byPod.get(inPod) ?? `pod:${inPod}`;
    if (persistentVolume === undefined) return `${witness}:${handle ?? ''}`;
    return byVolume.get(persistentVolume) ?? `pv:${persistentVolume}`;
  };
  const groups = new Map<string, VolumeRecord[]>();
  for (const record of records) {
    const id = idOf(record);
    const own = groups.get(id);
    if (own === undefined) groups.set(id, [record]);
    else own.push(record);
  }
  return groups;
}

function volumeOf(id: string, own: Group, isClaimInTarball: boolean): InventoryVolume {
  const first = <K extends keyof VolumeRecord>(key: K): VolumeRecord[K] | undefined =>
    own.find((record) => record[key] !== undefined)?.[key];
  const method = own[0]?.method ?? 'none';
  const claim = first('claim');
  const uploader = first('uploader') ?? '';
  const isInRepository = method === 'data-mover' || method === 'fs-backup';
  const isKopia = isInRepository && (uploader === '' || uploader === 'kopia');
  const namespace = method === 'fs-backup' ? first('pod')?.namespace : claim?.namespace;
  return {
    id,
    claim,
    persistentVolume: first('persistentVolume'),
    method,
    handle: own.find((record) => record.method === method && record.handle !== undefined)?.handle,
    result: worstOf(own),
    sizeBytes: first('sizeBytes'),
    driver: first('driver') ?? (isInRepository && !isKopia ? uploader : undefined),
    repositoryNamespace: isKopia ? namespace : undefined,
    reason: first('reason'),
    isClaimInTarball,
    witnesses: [...new Set(own.map(({ witness }) => witness))],
  };
}

const WORST_FIRST: readonly VolumeResult[] = ['failed', 'unfinished', 'empty', 'succeeded'];

function worstOf(own: Group): VolumeResult {
  const results = own.map(({ result }) => result);
  return WORST_FIRST.find((result) => results.includes(result)) ?? 'unfinished';
}

/** Which other witness a restore needs, by the method that `-volumeinfo.json.gz` names. */
const NEEDED: Readonly<Partial<Record<VolumeMethod, readonly Witness[]>>> = {
  native: ['volume-snapshots'],
  'fs-backup': ['pod-volume-backups'],
  'data-mover': ['data-upload'],
  csi: ['csi-content', 'csi-lists'],
};

function checkVolume(
  own: Group,
  hasInfo: boolean,
  hasContents: boolean,
  report: (kind: Contradiction['kind'], message: string) => void,
): void {
  const info = own.find(({ witness }) => witness === 'volume-info');
  const others = own.filter(({ witness }) => witness !== 'volume-info');
  const named = [...new Set(others.map(({ witness }) => witness))].join(', ');
  if (info === undefined && hasInfo) {
    report('not-in-volume-info', `${named} has its data, the volume information does not`);
  }
  const methods = new Set(own.map(({ method }) => method));
  if (methods.size > 1) report('method-differs', `it was taken by ${[...methods].join(' and ')}`);
  const handles = new Set(own.map(({ handle }) => handle).filter((each) => each !== undefined));
  if (handles.size > 1) report('handle-differs', `its snapshot is ${[...handles].join(' or ')}`);
  const results = new Set(own.map(({ result }) => result));
  if (results.size > 1) report('result-differs', `its data is ${[...results].join(' or ')}`);
  const needsHandle = worstOf(own) === 'succeeded' && info?.method !== 'skipped';
  if (needsHandle && handles.size === 0) {
    report('handle-missing', 'it succeeded, and no snapshot is named');
  }
  const needed = info === undefined ? undefined : NEEDED[info.method];
  const isInTarball = info?.method === 'csi' || info?.method === 'data-mover';
  if (needed === undefined || info?.result !== 'succeeded' || (isInTarball && !hasContents)) return;
  if (!others.some(({ witness }) => needed.includes(witness))) {
    report(
      'only-in-volume-info',
      `the volume information alone has it, not ${needed.join(' or ')}`,
    );
  }
}
