/** Stores in memory for the simulated world: bodies are values, copies are the very same value. */
import type { IndexEntry } from '../support/kopia-index-writer.ts';

/** What a manifest content says: snapshots that are there from now on, and ids of deleted ones. */
export interface ManifestText {
  readonly added: readonly { readonly id: string; readonly needs: readonly string[] }[];
  readonly deleted: readonly string[];
}

export interface SimEntry {
  readonly id: string;
  readonly pack: string;
  readonly seconds: number;
  readonly deleted: boolean;
}

export type Body =
  | { readonly kind: 'pack'; readonly manifests: ReadonlyMap<string, ManifestText> }
  | { readonly kind: 'index'; readonly entries: readonly SimEntry[] }
  | {
      readonly kind: 'log';
      readonly inputs: readonly string[];
      readonly outputs: readonly string[];
    }
  | { readonly kind: 'format'; readonly epochs: boolean; readonly password: number }
  | { readonly kind: 'config'; readonly password: number }
  | { readonly kind: 'text' };

export interface SimObject {
  readonly id: string;
  readonly etag: string;
  /** By the store's clock, cut to seconds as S3 does it. */
  readonly timeMs: number;
  readonly body: Body;
  /** What a copy remembers of the object it was made from. */
  readonly source?: { readonly etag: string; readonly timeMs: number };
}

/** Objects of one store; listings are consistent for each page alone, as everywhere. */
export class SimStore {
  readonly objects = new Map<string, SimObject>();
  private readonly clock: () => number;
  /** Operations that changed something. */
  writes = 0;

  constructor(clock: () => number) {
    this.clock = clock;
  }

  put(id: string, body: Body, source?: SimObject): void {
    this.writes += 1;
    const timeMs = Math.floor(this.clock() / 1000) * 1000;
    const stamp = source && { etag: source.etag, timeMs: source.timeMs };
    const object = { id, etag: `e${this.writes}`, timeMs, body };
    this.objects.set(id, stamp ? { ...object, source: stamp } : object);
  }

  remove(id: string): void {
    this.writes += 1;
    this.objects.delete(id);
  }

  get(id: string): SimObject | undefined {
    return this.objects.get(id);
  }

  body<K extends Body['kind']>(id: string, kind: K): Extract<Body, { kind: K }> | undefined {
    const body = this.objects.get(id)?.body;
    return body?.kind === kind ? (body as Extract<Body, { kind: K }>) : undefined;
  }

  /** Page by page; whoever drives it lets the world move between two pages. */
  *list(letters: string, pageSize: number): Generator<void, SimObject[]> {
    const found: SimObject[] = [];
    let after = '';
    for (;;) {
      const ids = [...this.objects.keys()].filter(
        (id) => letters.includes(id[0] ?? '') && id > after,
      );
      const page = ids.sort().slice(0, pageSize);
      for (const id of page) {
        const object = this.objects.get(id);
        if (object) found.push(object);
      }
      if (page.length < pageSize) return found;
      after = page.at(-1) ?? '';
      yield;
    }
  }
}

/** The same entry for the writer of real index blobs. */
export function indexEntry({ id, pack, seconds, deleted }: SimEntry): IndexEntry {
  return {
    id,
    packBlob: pack,
    packOffset: 0,
    packedLength: 128,
    originalLength: 100,
    timeSeconds: seconds,
    deleted,
    formatVersion: 3,
    compression: 0,
    encryptionKeyId: 0,
  };
}
