import { parseBlobName } from '../kopia/blob-names.ts';
import { packKey, proofsOf } from '../kopia/verify/share.ts';
import { kopiaVerificationKey } from '../ledger/keys.ts';
import { KOPIA_VERIFICATION } from '../ledger/kopia-verification.ts';
import { type LocationLook, readRepositoryLook } from '../ledger/location-look.ts';
import { readRecord } from '../ledger/record.ts';
import type { VeleroRoot } from '../velero/checks/root.ts';
import { rootFindings } from '../velero/checks/root.ts';
import { backupsToRead } from './backups.ts';
import type { LocationOutcome, LocationRun } from './location-run.ts';
import { slicesOf } from './repositories.ts';

/** What a run would read. Estimates: what damage and trees cost shows only on the way. */
interface Estimate {
  objectsToRead: number;
  bytesToRead: number;
  requestsToMake: number;
}

const PAGE = 1000;

/** What a verification of a Velero root would read now: nothing is read, and nothing is written. */
export async function dryRunOfVelero(
  run: LocationRun,
  root: VeleroRoot,
  previous: LocationLook | undefined,
): Promise<LocationOutcome> {
  const { config, location, now } = run;
  const total: Estimate = { objectsToRead: 0, bytesToRead: 0, requestsToMake: 2 };
  let listed = 0;
  for (const files of root.backups.values()) listed += files.length;
  total.requestsToMake += Math.ceil(listed / PAGE);
  const names = backupsToRead(root, previous, config, now);
  for (const name of names) {
    for (const { sizeBytes } of root.backups.get(name) ?? []) {
      total.objectsToRead += 1;
      total.bytesToRead += sizeBytes;
      total.requestsToMake += 1;
    }
  }
  for (const prefix of root.repositories) await addRepository(total, run, prefix);
  return {
    findings: rootFindings(root, location.reader.url),
    verdicts: [],
    measures: {
      backups: root.backups.size,
      backupsToRead: names.length,
      repositories: root.repositories.length,
      ...total,
    },
  };
}

/** The same for a location that is one Kopia repository. */
export async function dryRunOfKopia(run: LocationRun): Promise<LocationOutcome> {
  const total: Estimate = { objectsToRead: 0, bytesToRead: 0, requestsToMake: 0 };
  await addRepository(total, run, '');
  return { findings: [], verdicts: [], measures: { repositories: 1, ...total } };
}

/**
 * Index blobs and the packs of directories and manifests are read in any case; of data packs those
 * that no run has read, and a slice of the others.
 */
async function addRepository(total: Estimate, run: LocationRun, prefix: string): Promise<void> {
  const { deps, config, location, now } = run;
  if (config.rung === 'reported') return;
  const options = { ...(deps.signal && { signal: deps.signal }) };
  const before = await readRepositoryLook(deps.state, location.identity, prefix, options);
  const stateKey = kopiaVerificationKey(`${location.identity}#${prefix}`);
  const state = (await readRecord(deps.state, stateKey, KOPIA_VERIFICATION, options))?.value;
  const proofs = proofsOf(state, state?.repositoryId ?? '');
  const slices = slicesOf({ contentDays: config.settings.contentDays, now }, before?.value);
  let listed = 0;
  let again = { objects: 0, bytes: 0 };
  for await (const info of location.reader.list(prefix, options)) {
    listed += 1;
    const name = info.key.slice(prefix.length);
    const blob = parseBlobName(name);
    const isData = blob.kind === 'pack' && !blob.metadata;
    if (isData && config.rung !== 'intact') continue;
    if (blob.kind === 'log' || blob.kind === 'session' || blob.kind === 'unknown') continue;
    if (isData && proofs.has(packKey(name))) {
      again = { objects: again.objects + 1, bytes: again.bytes + info.sizeBytes };
      continue;
    }
    total.objectsToRead += 1;
    total.bytesToRead += info.sizeBytes;
    total.requestsToMake += 1;
  }
  total.objectsToRead += Math.ceil(again.objects / slices);
  total.bytesToRead += Math.ceil(again.bytes / slices);
  total.requestsToMake += Math.ceil(again.objects / slices) + 2 * Math.ceil(listed / PAGE);
}
