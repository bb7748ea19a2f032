/** One entry of a directory, or the root of a snapshot. */
export interface TreeEntry {
  /**
   * As stored, never checked: it may be a whole path (block volumes), `..`, or hold U+FFFD for bytes
   * that were no UTF-8. See `nameTrouble` before it becomes part of a path.
   */
  readonly name: string;
  /** `unknown`: a type that Kopia itself does not restore. */
  readonly type: 'file' | 'directory' | 'symlink' | 'unknown';
  /** POSIX permission bits with set-user-id, set-group-id and sticky: 0 to 0o7777. */
  readonly mode: number;
  /** Of a file its length, of a link that of its target; 0 for a directory. */
  readonly sizeBytes: number;
  /** Kopia leaves out what is 0, so that an entry without a time is of 1 January 1970. */
  readonly modifiedAt: Date;
  /** The same in nanoseconds since 1970. */
  readonly modifiedNs: bigint;
  readonly uid: number;
  readonly gid: number;
  /** Not parsed; empty when the entry has none. */
  readonly objectId: string;
  /** Of directories: what was below when it was backed up. */
  readonly summary?: DirectorySummary;
}

export interface DirectorySummary {
  readonly sizeBytes: number;
  readonly files: number;
  readonly symlinks: number;
  /** The directory itself included. */
  readonly directories: number;
  /** Newest modification below; Kopia restores a subdirectory with this time, not with its own. */
  readonly newestAt: Date;
  readonly newestNs: bigint;
  readonly incompleteReason?: string;
  /** Entries that could not be read at the source; the snapshot lacks them. */
  readonly failed: number;
  readonly ignoredErrors: number;
  /** Some of the failed entries. */
  readonly errors: readonly { readonly path: string; readonly error: string }[];
}

/** Why a name cannot be a file name, or is not the one that the file had. */
export type NameTrouble = 'empty' | 'dot' | 'nul' | 'slash' | 'not-utf8';
