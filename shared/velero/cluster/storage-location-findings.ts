import type { Location } from '../../config/location.ts';
import { type Finding, finding } from '../../model/finding.ts';
import { examplesOf, plain, readable } from '../checks/plain.ts';
import { matchStorageLocation } from './match-location.ts';
import type { StorageLocation, VeleroCluster } from './velero-cluster.ts';

export interface StorageLocationQuestion {
  readonly cluster: VeleroCluster;
  readonly location: Location;
  /** Of the location. */
  readonly url: string;
}

const MINUTE_MS = 60_000;
const SILENCE_MS = 5 * MINUTE_MS;
/** Of the server's own periods. */
const PERIODS = 3;

/**
 * V16: whether Velero can use this location, and whether its server is alive. Without told
 * BackupStorageLocations nothing is claimed.
 */
export function storageLocationFindings(question: StorageLocationQuestion): readonly Finding[] {
  const { cluster, location, url } = question;
  if (cluster.storageLocations.outcome === 'unchecked') return [];
  const all = cluster.storageLocations.value;
  const found = matchStorageLocation(all, location);
  if (found === undefined) {
    const places = all.map(({ name, bucket, prefix }) => `${name}:${bucket}/${prefix}`);
    const message = `None of the ${all.length} storage locations of the cluster (${cluster.source}) has this bucket and prefix`;
    return [
      finding('LOCATION_UNKNOWN_TO_CLUSTER', url, message, {
        evidence: { storageLocations: examplesOf(places) },
      }),
    ];
  }
  return [...unavailable(found, url), ...silent(found, cluster.lookedAt, url)];
}

function unavailable({ name, phase, message }: StorageLocation, url: string): readonly Finding[] {
  if (phase !== 'Unavailable') return [];
  const reason = message === undefined ? 'no reason is given' : readable(message);
  const text = `The storage location ${plain(name)} is Unavailable: ${reason}`;
  return [finding('LOCATION_UNAVAILABLE', url, text)];
}

/** A sync alone that does not come may be slow, or waits for a location that is Unavailable. */
function silent(found: StorageLocation, now: Date, url: string): readonly Finding[] {
  const validated = overdueMs(found, found.lastValidatedAt, found.validationPeriodMs, now);
  const synced = overdueMs(found, found.lastSyncedAt, found.syncPeriodMs, now);
  if (validated !== undefined && (synced !== undefined || found.syncPeriodMs === 0)) {
    const message = `The storage location ${plain(found.name)} was last validated ${passed(validated)}`;
    return [finding('LOCATION_SILENT', url, message)];
  }
  if (synced === undefined || found.phase !== 'Available') return [];
  const message = `The storage location ${plain(found.name)} was last synchronised ${passed(synced)}`;
  return [finding('LOCATION_SILENT', url, message, { severity: 'warning' })];
}

/** How long ago, when that is too long; `undefined` when it is not, or nobody can say. */
function overdueMs(
  { createdAt }: StorageLocation,
  last: Date | undefined,
  periodMs: number | undefined,
  now: Date,
): number | undefined {
  const since = last ?? createdAt;
  if (since === undefined || periodMs === 0) return undefined;
  const agoMs = now.getTime() - since.getTime();
  return agoMs > Math.max(SILENCE_MS, PERIODS * (periodMs ?? 0)) ? agoMs : undefined;
}

function passed(ms: number): string {
  return `${Math.floor(ms / MINUTE_MS)} minutes ago, if ever`;
}
