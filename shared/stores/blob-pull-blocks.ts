import { createHash } from 'node:crypto';
import type { ByteRange, ObjectInfo } from './store.ts';

/**
 * Names of the blocks of a pull, and what they remember. A staged block keeps no checksum, so a block
 * of one byte beside it tells it by its own name; a list that is committed leaves those out, and the
 * service forgets them. All names are of the length that `blob-upload.ts` and AzCopy have: a blob's
 * must be of one.
 */
const NAME_BYTES = 36;
const KINDS = { block: 1, note: 2, ended: 3 } as const;
type Kind = keyof typeof KINDS;
/** What one byte of a name counts. */
const TRIES_MAX = 255;

/** Which pull: names of other versions of the source, or of another division, are strangers. */
export function pullIdentity(url: string, source: ObjectInfo, pieceBytes: number): Buffer {
  const { key, etag, sizeBytes } = source;
  const facts = JSON.stringify([url, key, etag, sizeBytes, pieceBytes]);
  return createHash('sha256').update(facts).digest().subarray(0, 16);
}

/** What an unfinished pull has left at the target. */
export interface PullState {
  /** How many tries brought bytes that were not the right ones; theirs are not used again. */
  readonly endedTries: number;
  /** CRC64NVME in hex of blocks that are staged, by index. */
  readonly staged: ReadonlyMap<number, string>;
}

export interface StagedBlock {
  readonly name: string;
  readonly size: number;
}

export function blockName(identity: Buffer, tries: number, index: number): string {
  return nameOf('block', identity, tries, index);
}

export function noteName(
  identity: Buffer,
  tries: number,
  index: number,
  crc64nvme: string,
): string {
  return nameOf('note', identity, tries, index, crc64nvme);
}

/** Staged when the whole is not what was expected: what is there must not be continued. */
export function endName(identity: Buffer, tries: number): string {
  return nameOf('ended', identity, tries, 0);
}

export function pullState(
  identity: Buffer,
  blocks: readonly StagedBlock[],
  pieces: readonly ByteRange[],
): PullState {
  const sizes = new Map(blocks.map(({ name, size }) => [name, size]));
  let endedTries = 0;
  while (endedTries < TRIES_MAX && sizes.has(endName(identity, endedTries))) endedTries += 1;
  const notes = new Map<number, string[]>();
  for (const name of sizes.keys()) {
    const note = readNote(identity, endedTries, name);
    if (note !== undefined)
      notes.set(note.index, [...(notes.get(note.index) ?? []), note.crc64nvme]);
  }
  const staged = new Map<number, string>();
  for (const [index, [crc64nvme, ...others]] of notes) {
    const sizeBytes = sizes.get(blockName(identity, endedTries, index));
    const isThere = sizeBytes !== undefined && sizeBytes === pieces[index]?.lengthBytes;
    // Two notes that differ speak of a source that changed in between.
    if (isThere && crc64nvme !== undefined && others.length === 0) staged.set(index, crc64nvme);
  }
  return { endedTries, staged };
}

function nameOf(kind: Kind, identity: Buffer, tries: number, index: number, crc = ''): string {
  const name = Buffer.alloc(NAME_BYTES);
  name.writeUInt8(KINDS[kind], 0);
  identity.copy(name, 1);
  name.writeUInt8(tries, 17);
  name.writeUInt32BE(index, 18);
  name.write(crc, 22, 'hex');
  return name.toString('base64');
}

function readNote(identity: Buffer, tries: number, encoded: string) {
  const name = Buffer.from(encoded, 'base64');
  const isNote = name.length === NAME_BYTES && name[0] === KINDS.note && name[17] === tries;
  if (!isNote || !name.subarray(1, 17).equals(identity)) return undefined;
  return { index: name.readUInt32BE(18), crc64nvme: name.subarray(22, 30).toString('hex') };
}
