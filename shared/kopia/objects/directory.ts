import type { CallOptions } from '../../stores/store.ts';
import type { ContentReader } from '../contents/content-reader.ts';
import { EntriesParser, MalformedEntries } from './json-entries.ts';
import { ObjectDamage } from './object-damage.ts';
import { readObject } from './object-reader.ts';
import {
  type DirectorySummary,
  directorySummary,
  type TreeEntry,
  treeEntry,
} from './tree-entry.ts';

/**
 * Of one entry, and of the summary. Both list the errors of everything below, and Kopia cuts that
 * list to ten only after it has been copied (v0.23.1, snapshot/snapshotfs/dir_manifest_builder.go).
 */
const VALUE_SIZE_BYTES_MAX = 4 * 1024 * 1024;

/** What is known of a directory once all of it was read. */
export interface DirectoryEnd {
  /** Absent in directories of old versions. */
  readonly summary?: DirectorySummary;
  /**
   * Directories came first, then the rest, each ascending by the bytes of their names, as Kopia
   * writes them: then no name occurs twice. False is no damage (it happens with names that were no
   * UTF-8), but of entries with the same name Kopia restores the last one only.
   */
  readonly inOrder: boolean;
}

/**
 * Yields a directory's entries as stored, in the order of storage, as the bytes arrive: the memory
 * it takes does not depend on their number. What Kopia could not decode is damage of the whole
 * directory, though the entries before it have been yielded by then. Names are not judged: see
 * `nameTrouble`. An entry's object id is not parsed here, so that a bad one costs that entry alone.
 * Source: Kopia v0.23.1, snapshot/snapshotfs/dir_reader.go.
 * @throws ObjectDamage, ContentDamage; StoreErrors as they are.
 */
export async function* readDirectory(
  contents: ContentReader,
  objectId: string,
  options: CallOptions = {},
): AsyncGenerator<TreeEntry, DirectoryEnd> {
  const parser = new EntriesParser(['stream', 'summary'], VALUE_SIZE_BYTES_MAX);
  let inOrder = true;
  let previous: TreeEntry | undefined;
  try {
    for await (const bytes of readObject(contents, objectId, options)) {
      for (const batch of parser.feed(bytes)) {
        // Emptied, so that what no entry needs is not held while others have their turn.
        for (const entry of batch.splice(0).map(treeEntry)) {
          if (entry === undefined) throw new MalformedEntries('has an entry of an odd form');
          inOrder &&= previous === undefined || isBefore(previous, entry);
          previous = entry;
          yield entry;
        }
      }
    }
    const members = parser.end();
    if (members.get('stream') !== 'kopia:directory') {
      throw new MalformedEntries('is not marked as one');
    }
    const raw = members.get('summary') ?? undefined;
    const summary = raw === undefined ? undefined : directorySummary(raw);
    if (raw !== undefined && summary === undefined) {
      throw new MalformedEntries('has a summary of an odd form');
    }
    return { inOrder, ...(summary && { summary }) };
  } catch (error) {
    if (!(error instanceof MalformedEntries)) throw error;
    throw new ObjectDamage(objectId, 'malformed', `the directory ${error.message}`);
  }
}

function isBefore(left: TreeEntry, right: TreeEntry): boolean {
  const leftIsDirectory = left.type === 'directory';
  if (leftIsDirectory !== (right.type === 'directory')) return leftIsDirectory;
  return compareBytes(left.name, right.name) < 0;
}

/** As their UTF-8 bytes compare, without making them. */
function compareBytes(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at += 1) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a !== b) return codeRank(a) - codeRank(b);
  }
  return left.length - right.length;
}

/** Surrogates stand for characters above all others, though their own numbers are not highest. */
function codeRank(code: number): number {
  return code >= 0xd800 && code <= 0xdfff ? code + 0x10000 : code;
}
