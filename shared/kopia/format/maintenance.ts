import { DrydockError } from '../../model/errors.ts';
import type { CallOptions, ObjectReader } from '../../stores/store.ts';
import { MAINTENANCE_BLOB } from '../blob-names.ts';
import { openBlock } from '../crypto/key-derivation.ts';
import { SealError } from '../crypto/seal-error.ts';
import { readSmallBlob } from './format-blob.ts';
import {
  flagOf,
  JsonFault,
  type JsonObject,
  listOf,
  objectOf,
  parseJsonObject,
  textOf,
  timeOf,
} from './json-members.ts';
import type { RepositoryFormat } from './repository-format.ts';

/** One run of one task. */
export interface MaintenanceRun {
  readonly start: Date;
  readonly end: Date;
  readonly success: boolean;
  /** In Kopia's words, where it failed. */
  readonly error?: string;
}

/**
 * What `kopia.maintenance` says: when maintenance is due, and what ran, newest first per task (50
 * at most). Source: Kopia v0.23.1, repo/maintenance.
 */
export interface MaintenanceSchedule {
  readonly nextFullMaintenance?: Date;
  readonly nextQuickMaintenance?: Date;
  readonly runs: ReadonlyMap<string, readonly MaintenanceRun[]>;
}

/** Fifty runs of each task, with their statistics, are far from this. */
const SIZE_BYTES_MAX = 16 * 1024 * 1024;
const ASSOCIATED_DATA = Buffer.from('maintenance');

/**
 * @returns `undefined` when maintenance never ran.
 * @throws KOPIA_MAINTENANCE_UNREADABLE when the blob is not one of this repository; StoreError.
 */
export async function readMaintenance(
  reader: ObjectReader,
  format: RepositoryFormat,
  options: CallOptions = {},
): Promise<MaintenanceSchedule | undefined> {
  const key = `${format.prefix}${MAINTENANCE_BLOB}`;
  const sealed = await readSmallBlob(reader, key, SIZE_BYTES_MAX, options);
  if (sealed === undefined) return undefined;
  try {
    if (sealed === 'too-large') throw new SealError('too-large');
    const plain = openBlock(format.maintenanceKey, ASSOCIATED_DATA, sealed);
    return schedule(parseJsonObject(plain));
  } catch (error) {
    if (!(error instanceof SealError || error instanceof JsonFault)) throw error;
    const message = `Cannot read "${reader.url}/${key}": ${error.message}`;
    const hint =
      'Run "kopia maintenance run" at the source; until then nothing says when it last ran';
    throw new DrydockError('operation', 'KOPIA_MAINTENANCE_UNREADABLE', message, { hint });
  }
}

function schedule(json: JsonObject): MaintenanceSchedule {
  const nextFullMaintenance = timeOf(json, 'nextFullMaintenance');
  const nextQuickMaintenance = timeOf(json, 'nextQuickMaintenance');
  const runs = objectOf(json, 'runs') ?? {};
  return {
    ...(nextFullMaintenance && { nextFullMaintenance }),
    ...(nextQuickMaintenance && { nextQuickMaintenance }),
    runs: new Map(Object.keys(runs).map((task) => [task, (listOf(runs, task) ?? []).map(run)])),
  };
}

function run(json: JsonObject): MaintenanceRun {
  const [start, end] = [timeOf(json, 'start'), timeOf(json, 'end')];
  if (start === undefined || end === undefined) throw new JsonFault('a run has no time');
  const error = textOf(json, 'error') ?? '';
  const success = flagOf(json, 'success') ?? false;
  return { start, end, success, ...(error !== '' && { error }) };
}
