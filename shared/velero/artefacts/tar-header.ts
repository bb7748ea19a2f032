/**
 * One header of a tar archive, as Go's archive/tar (Velero's writer and reader) takes it: USTAR, PAX
 * and GNU. Source: POSIX.1-2017 pax, "ustar Interchange Format", and GNU tar, "Basic Tar Format".
 */
import { isUtf8 } from 'node:buffer';

export const BLOCK_SIZE_BYTES = 512;

/** What stands behind a header. */
export type TarEntryKind =
  | 'file'
  | 'directory'
  /** Hard or symbolic. */
  | 'link'
  /** Character or block device, or a named pipe. */
  | 'device'
  /** PAX records for the next entry. */
  | 'pax'
  /** The name of the next entry, as GNU writes long ones. */
  | 'long-name'
  /** Anything else: global records, sparse files, volume labels. */
  | 'foreign';

export interface TarHeader {
  readonly kind: TarEntryKind;
  /** `undefined` when it is no UTF-8. */
  readonly name: string | undefined;
  /** Of what follows in the archive: 0 for kinds that have no content whatever their header says. */
  readonly sizeBytes: number;
}

const KINDS: ReadonlyMap<number, TarEntryKind> = new Map([
  [0x00, 'file'],
  [0x30, 'file'],
  [0x31, 'link'],
  [0x32, 'link'],
  [0x33, 'device'],
  [0x34, 'device'],
  [0x35, 'directory'],
  [0x36, 'device'],
  [0x37, 'file'],
  [0x78, 'pax'],
  [0x4c, 'long-name'],
]);

/** @returns a text that says what is wrong with the block. */
export function parseTarHeader(block: Uint8Array): TarHeader | string {
  const written = parseNumber(block.subarray(148, 156));
  if (written !== checksum(block)) return 'a header does not match its checksum';
  const sizeBytes = parseNumber(block.subarray(124, 136));
  if (sizeBytes === undefined) return 'a header has no valid size';
  const kind = KINDS.get(block[156] ?? 0) ?? 'foreign';
  const hasContent = kind !== 'link' && kind !== 'device' && kind !== 'directory';
  return { kind, name: nameOf(block), sizeBytes: hasContent ? sizeBytes : 0 };
}

export function isZeroBlock(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0);
}

const CHECKSUM_BLANKS = 8 * 0x20;

function checksum(block: Uint8Array): number {
  let sum = CHECKSUM_BLANKS;
  for (let at = 0; at < 148; at += 1) sum += block[at] ?? 0;
  for (let at = 156; at < BLOCK_SIZE_BYTES; at += 1) sum += block[at] ?? 0;
  return sum;
}

/** Octal digits between blanks and zero bytes, or GNU's base 256 behind a byte of 0x80. */
function parseNumber(field: Uint8Array): number | undefined {
  if (field[0] === 0x80) {
    let value = 0;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    return Number.isSafeInteger(value) ? value : undefined;
  }
  const text = Buffer.from(field)
    .toString('latin1')
    .replace(/^ +/, '')
    .replace(/[ \0].*$/s, '');
  if (text === '') return 0;
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

function nameOf(block: Uint8Array): string | undefined {
  const name = textOf(block.subarray(0, 100));
  // GNU has other fields in the place of USTAR's prefix.
  const isUstar = block[262] === 0 && textOf(block.subarray(257, 262)) === 'ustar';
  const prefix = isUstar ? textOf(block.subarray(345, 500)) : '';
  if (name === undefined || prefix === undefined) return undefined;
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** The text before the first zero byte. */
export function textOf(field: Uint8Array): string | undefined {
  const end = field.indexOf(0);
  const bytes = end < 0 ? field : field.subarray(0, end);
  return isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : undefined;
}

export interface PaxRecords {
  readonly path?: string;
  readonly sizeBytes?: number;
  /** GNU's sparse files: their content is no plain bytes. */
  readonly isSparse: boolean;
}

/**
 * The records that matter of a PAX header, `<length> <key>=<value>\n` each.
 * @returns a text that says what is wrong.
 */
export function parsePax(bytes: Uint8Array): PaxRecords | string {
  const pax: { path?: string; sizeBytes?: number; isSparse: boolean } = { isSparse: false };
  let rest = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  while (rest.length > 0) {
    const space = rest.indexOf(0x20);
    const digits = space < 1 || space > 9 ? '' : rest.subarray(0, space).toString('latin1');
    const length = /^\d+$/.test(digits) ? Number(digits) : 0;
    if (length <= space + 1 || length > rest.length || rest[length - 1] !== 0x0a) {
      return 'a PAX header is malformed';
    }
    const record = rest.subarray(space + 1, length - 1);
    rest = rest.subarray(length);
    const equals = record.indexOf(0x3d);
    const key = record.subarray(0, Math.max(0, equals)).toString('latin1');
    const value = record.subarray(equals + 1);
    if (key === 'path') {
      const path = textOf(value);
      if (path === undefined || path.length < value.length / 4) return 'a PAX path is no text';
      pax.path = path;
    } else if (key === 'size') {
      const size = value.toString('latin1');
      if (!/^\d{1,16}$/.test(size) || !Number.isSafeInteger(Number(size))) {
        return 'a PAX size is no number';
      }
      pax.sizeBytes = Number(size);
    } else if (key.startsWith('GNU.sparse.')) {
      pax.isSparse = true;
    }
  }
  return pax;
}
