import type { CallOptions, ObjectInfo, ObjectReader } from '../../stores/store.ts';
import { isStoreError } from '../../stores/store-error.ts';
import { INDEX_PREFIXES, parseBlobName } from '../blob-names.ts';
import type { RepositoryCrypto } from '../crypto/repository-crypto.ts';
import { SealError } from '../crypto/seal-error.ts';
import type { RepositoryFormat } from '../format/repository-format.ts';
import {
  activeIndexes,
  currentEpoch,
  deletionWatermark,
  incompleteSets,
  lostEpochs,
} from './active-indexes.ts';
import { parseCompactionLog, supersededInputs } from './compaction-log.ts';
import type { IndexProblem } from './loaded-indexes.ts';

export interface IndexInfo {
  readonly id: string;
  readonly lastModified: Date;
  readonly sizeBytes: number;
}

/** The blobs of the index class, and which of them readers take. */
export interface FoundIndexes {
  readonly listed: readonly IndexInfo[];
  readonly active: readonly IndexInfo[];
  readonly currentEpoch: number | undefined;
  readonly watermarkSeconds: number;
  readonly problems: readonly IndexProblem[];
}

/** A log lists some blobs; one of 100,000 blobs has about 15 MB. */
const LOG_SIZE_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Lists the index class alone (four listings, no packs) and picks what readers take: by names in a
 * repository with epochs, by compaction logs, which are read, in one without.
 * Throws StoreErrors, except that a log which is gone is passed over.
 */
export async function findIndexes(
  reader: ObjectReader,
  format: RepositoryFormat,
  crypto: RepositoryCrypto,
  options: CallOptions = {},
): Promise<FoundIndexes> {
  const listed: IndexInfo[] = [];
  for (const letter of INDEX_PREFIXES) {
    for await (const object of reader.list(`${format.prefix}${letter}`, options)) {
      const blob = indexInfo(object, format.prefix);
      if (parseBlobName(blob.id).kind !== 'unknown') listed.push(blob);
    }
  }
  if (format.epochs.enabled) {
    const problems = epochProblems(listed);
    return {
      listed,
      active: activeIndexes(listed),
      currentEpoch: currentEpoch(listed),
      watermarkSeconds: deletionWatermark(listed),
      problems,
    };
  }
  const indexes = listed.filter(({ id }) => parseBlobName(id).kind === 'index-v0');
  const { logs, problems } = await readLogs(reader, format.prefix, crypto, listed, options);
  const superseded = supersededInputs(new Set(indexes.map(({ id }) => id)), logs);
  return {
    listed,
    active: indexes.filter(({ id }) => !superseded.has(id)),
    currentEpoch: undefined,
    watermarkSeconds: 0,
    problems,
  };
}

function epochProblems(listed: readonly IndexInfo[]): readonly IndexProblem[] {
  const lost = lostEpochs(listed);
  const incomplete = incompleteSets(listed).map(({ blob, present, size }): IndexProblem => {
    const name = parseBlobName(blob.id);
    const reason = `it belongs to a set of ${size} blobs, of which there are ${present}`;
    const epoch = name.kind === 'epoch-compaction' ? { epoch: name.epoch } : {};
    return { kind: 'incomplete-set', blobId: blob.id, reason, active: false, ...epoch };
  });
  return [
    ...incomplete,
    ...lost.map(({ epoch, remains: [first] }): IndexProblem => {
      const reason =
        first === undefined
          ? 'no index blob of it is there'
          : 'its compaction lacks blobs, and the indexes that it was made of are gone';
      const active = first !== undefined;
      return { kind: 'epoch-lost', blobId: first?.id ?? '', reason, active, epoch };
    }),
  ];
}

function indexInfo(object: ObjectInfo, prefix: string): IndexInfo {
  const { key, lastModified, sizeBytes } = object;
  return { id: key.slice(prefix.length), lastModified, sizeBytes };
}

async function readLogs(
  reader: ObjectReader,
  prefix: string,
  crypto: RepositoryCrypto,
  listed: readonly IndexInfo[],
  options: CallOptions,
) {
  const logs: ReturnType<typeof parseCompactionLog>[] = [];
  const problems: IndexProblem[] = [];
  for (const { id } of listed) {
    if (parseBlobName(id).kind !== 'compaction-log') continue;
    try {
      const { body } = await reader.read(`${prefix}${id}`, options);
      logs.push(parseCompactionLog(await crypto.readBlob(id, body, LOG_SIZE_BYTES_MAX)));
    } catch (error) {
      // Kopia passes over a log that maintenance has just removed.
      if (isStoreError(error, 'not_found')) continue;
      const isDamage = error instanceof SealError || error instanceof SyntaxError;
      if (!isDamage && !isStoreError(error, 'corrupt')) throw error;
      problems.push({ kind: 'unreadable', blobId: id, reason: error.message, active: true });
    }
  }
  return { logs, problems };
}
