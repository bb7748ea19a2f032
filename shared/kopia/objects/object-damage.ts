export type ObjectDamageReason =
  /** The text is no object id. */
  | 'object-id-malformed'
  /** A list of chunks, a directory or a link is not what its kind demands; `detail` says how. */
  | 'malformed'
  /** A chunk, or all chunks of a list, have another length than the one on record. */
  | 'length-mismatch'
  /** The chunks of a list leave a gap or overlap. */
  | 'chunks-not-contiguous'
  /** A `Z` object does not decompress. */
  | 'decompression-failed'
  /** More levels, entries or bytes than anything real has, or a structure that contains itself. */
  | 'beyond-limits';

/**
 * An object whose contents are whole and yet do not make an object. Loss of a content is another
 * error: `ContentDamage`.
 */
export class ObjectDamage extends Error {
  readonly objectId: string;
  readonly reason: ObjectDamageReason;
  readonly detail: string;

  constructor(objectId: string, reason: ObjectDamageReason, detail: string) {
    super(`Cannot read object "${objectId}": ${detail}`);
    this.name = 'ObjectDamage';
    this.objectId = objectId;
    this.reason = reason;
    this.detail = detail;
  }
}
