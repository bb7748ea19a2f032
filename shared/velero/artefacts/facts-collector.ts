import {
  type CsiSnapshot,
  type CsiSnapshotContent,
  parseCsiSnapshot,
  parseCsiSnapshotContent,
} from './csi-lists.ts';
import {
  type Claim,
  type DataUpload,
  type Pod,
  parseClaim,
  parseDataUpload,
  parsePod,
  parseVolume,
  type Volume,
  type VolumeFacts,
} from './volume-facts.ts';

/** About 100,000 volumes with a few labels each. */
const FACTS_LENGTH_MAX = 32 * 1024 * 1024;

/** Keeps the volume facts of the objects that it is shown, up to a limit of memory. */
export class FactsCollector {
  readonly #claims: Claim[] = [];
  readonly #volumes: Volume[] = [];
  readonly #pods: Pod[] = [];
  readonly #dataUploads: DataUpload[] = [];
  readonly #csiSnapshots: CsiSnapshot[] = [];
  readonly #csiContents: CsiSnapshotContent[] = [];
  readonly #parsers: ReadonlyMap<string, (value: unknown) => void> = new Map([
    ['persistentvolumeclaims', (value) => this.#keep(this.#claims, parseClaim(value))],
    ['persistentvolumes', (value) => this.#keep(this.#volumes, parseVolume(value))],
    ['pods', (value) => this.#keep(this.#pods, parsePod(value))],
    ['datauploads.velero.io', (value) => this.#keep(this.#dataUploads, parseDataUpload(value))],
    [
      'volumesnapshots.snapshot.storage.k8s.io',
      (value) => this.#keep(this.#csiSnapshots, parseCsiSnapshot(value)),
    ],
    [
      'volumesnapshotcontents.snapshot.storage.k8s.io',
      (value) => this.#keep(this.#csiContents, parseCsiSnapshotContent(value)),
    ],
  ]);
  #length = 0;
  isCut = false;

  wants(resource: string): boolean {
    return this.#parsers.has(resource);
  }

  add(resource: string, value: unknown): void {
    this.#parsers.get(resource)?.(value);
  }

  #keep<T>(list: T[], fact: T | undefined): void {
    if (fact === undefined) return;
    this.#length += lengthOf(fact);
    if (this.#length > FACTS_LENGTH_MAX) this.isCut = true;
    else list.push(fact);
  }

  facts(): VolumeFacts {
    return {
      claims: this.#claims,
      volumes: this.#volumes,
      pods: this.#pods,
      dataUploads: this.#dataUploads,
      csiSnapshots: this.#csiSnapshots,
      csiContents: this.#csiContents,
    };
  }
}

/** About the memory that a fact takes, in bytes of text. */
function lengthOf(value: unknown): number {
  if (typeof value === 'string') return value.length + 24;
  if (typeof value !== 'object' || value === null) return 8;
  let length = 64;
  const parts = value instanceof Map ? [...value].flat() : Object.values(value);
  for (const part of parts) length += lengthOf(part);
  return length;
}
