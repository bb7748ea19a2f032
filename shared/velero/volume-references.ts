import { gunzip } from 'node:zlib';
import { collect } from '../stores/checksum.ts';
import type { CallOptions, ObjectReader } from '../stores/store.ts';
import { isStoreError } from '../stores/store-error.ts';
import { artefactKey, POD_VOLUME_BACKUPS_SUFFIX, VOLUME_INFO_SUFFIX } from './layout.ts';

/** Lists of some 10,000 volumes fit; what is larger could fill a function's memory (S10). */
const STORED_SIZE_BYTES_MAX = 8 * 1024 * 1024;
const INFLATED_SIZE_BYTES_MAX = 32 * 1024 * 1024;
/** A parsed value takes some 100 bytes however short its text is: `[]` or `{}` by the million. */
const JSON_MARKS_MAX = 2_000_000;

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
  const podVolumes = await readList(
    reader,
    artefactKey(backup, POD_VOLUME_BACKUPS_SUFFIX),
    options,
  );
  const volumes = await readList(reader, artefactKey(backup, VOLUME_INFO_SUFFIX), options);
  if (podVolumes === undefined || volumes === undefined) return undefined;
  const namespaces = new Set<unknown>();
  for (const podVolume of podVolumes) {
    const isKopia = at(podVolume, 'spec', 'uploaderType') === 'kopia';
    if (!isKopia || !at(podVolume, 'status', 'snapshotID')) continue;
    namespaces.add(at(podVolume, 'spec', 'pod', 'namespace'));
  }
  for (const volume of volumes) {
    const moved = at(volume, 'snapshotDataMovementInfo');
    const isOurs = OWN_DATA_MOVERS.includes(at(moved, 'dataMover') ?? '');
    if (isOurs && at(moved, 'snapshotHandle')) namespaces.add(at(volume, 'pvcNamespace'));
    const pod = at(volume, 'pvbInfo');
    const isKopia = at(pod, 'uploaderType') === 'kopia';
    if (isKopia && at(pod, 'snapshotHandle')) namespaces.add(at(pod, 'podNamespace'));
  }
  return new Set([...namespaces].filter((name): name is string => typeof name === 'string'));
}

/** Velero's own, by the names it gives it. */
const OWN_DATA_MOVERS: readonly unknown[] = ['', 'velero'];

/** An absent list is an empty one: backups of versions before 1.13 have no volume information. */
async function readList(
  reader: ObjectReader,
  key: string,
  options: CallOptions,
): Promise<readonly unknown[] | undefined> {
  const content = await reader.read(key, options).catch((error: unknown) => {
    if (isStoreError(error, 'not_found')) return undefined;
    throw error;
  });
  if (content === undefined) return [];
  if (content.info.sizeBytes > STORED_SIZE_BYTES_MAX) return undefined;
  try {
    const inflated = await inflate(await collect(content.body));
    if (marksIn(inflated) > JSON_MARKS_MAX) return undefined;
    const value: unknown = JSON.parse(inflated.toString('utf8'));
    // Velero writes the literal null for an empty list.
    if (value === null) return [];
    return Array.isArray(value) ? value : undefined;
  } catch (error) {
    if (isStoreError(error)) throw error;
    return undefined;
  }
}

/** The characters that begin or part values; within strings they count too, which is harmless. */
function marksIn(json: Uint8Array): number {
  let marks = 0;
  for (const byte of json) if (MARKS.has(byte)) marks += 1;
  return marks;
}

const MARKS: ReadonlySet<number> = new Set(Buffer.from('[{,:'));

function inflate(bytes: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gunzip(bytes, { maxOutputLength: INFLATED_SIZE_BYTES_MAX }, (error, inflated) =>
      error ? reject(error) : resolve(inflated),
    );
  });
}

function at(value: unknown, ...path: string[]): unknown {
  let current = value;
  for (const name of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, name)) {
      return undefined;
    }
    current = (current as Record<string, unknown>)[name];
  }
  return current;
}
