import { type Finding, finding } from '../../model/finding.ts';
import { leavesUnchecked } from '../contents/content-damage.ts';
import type { MaintenanceSchedule } from '../format/maintenance.ts';
import type { RepositoryFormat } from '../format/repository-format.ts';
import type { IndexProblem, LoadedIndexes } from '../indexes/loaded-indexes.ts';
import type { ManifestProblem } from '../manifests/manifests.ts';
import type { MaintenanceParameters } from '../manifests/settings.ts';
import type { SnapshotProblem } from '../manifests/snapshots.ts';

/** Clocks of the writers may be ahead a little. */
const CLOCK_SKEW_MS = 5 * 60_000;

export function formatFindings(url: string, format: RepositoryFormat): readonly Finding[] {
  if (!format.defaultPassword) return [];
  const message = 'The repository opens with the default password of Velero, which everybody knows';
  return [finding('KOPIA_DEFAULT_PASSWORD', url, message)];
}

/** What is wrong with the index itself, each blob or set by its name. */
export function indexFindings(url: string, indexes: LoadedIndexes, now: Date): readonly Finding[] {
  const found = indexes.problems.map((problem) => indexFinding(url, problem));
  const aheadMs = indexes.watermarkSeconds * 1000 - now.getTime();
  if (aheadMs <= CLOCK_SKEW_MS) return found;
  const at = new Date(indexes.watermarkSeconds * 1000).toISOString();
  const message = `The deletion watermark is ${at}, which has not come yet`;
  return [
    ...found,
    finding('KOPIA_WATERMARK_AHEAD', url, message, { evidence: { watermark: at } }),
  ];
}

function indexFinding(url: string, problem: IndexProblem): Finding {
  const { kind, blobId, reason, active, epoch, contents } = problem;
  const subject = `${url}${blobId}`;
  const message = `Index blob "${blobId}": ${reason}`;
  const evidence = {
    ...(blobId !== '' && { indexBlob: blobId }),
    ...(epoch !== undefined && { epoch }),
    ...(contents && { contents: contents.count, contentIds: contents.examples }),
  };
  if (kind === 'divergence')
    return finding('KOPIA_EPOCH_DIVERGENCE', subject, message, { evidence });
  if (kind === 'epoch-lost') {
    return finding('KOPIA_EPOCH_LOST', `${url} epoch ${epoch}`, `Epoch ${epoch}: ${reason}`, {
      // Without any remains it is a conclusion from numbers alone.
      ...(blobId === '' && { severity: 'error' }),
      evidence,
    });
  }
  if (kind === 'incomplete-set') {
    return finding('KOPIA_INDEX_SET_INCOMPLETE', subject, message, { evidence });
  }
  return finding('KOPIA_INDEX_DAMAGED', subject, message, {
    ...(!active && { severity: 'warning' }),
    evidence,
  });
}

/** A manifest content that is lost makes the whole repository useless to Kopia. */
export function manifestFinding(url: string, problem: ManifestProblem): Finding {
  const { kind, contentId, packBlob, reason, damage } = problem;
  const message = `Content "${contentId}" of pack blob "${packBlob}", which holds manifests, cannot be used: ${reason}`;
  const unchecked = kind === 'beyond-limits' || (damage !== undefined && leavesUnchecked(damage));
  return finding(
    unchecked ? 'KOPIA_CONTENT_UNCHECKED' : 'KOPIA_MANIFESTS_LOST',
    `${url}${contentId}`,
    message,
    {
      evidence: { contentId, packBlob, reason },
    },
  );
}

export function snapshotProblemFinding(url: string, problem: SnapshotProblem): Finding {
  const { id, contentId, source, reason } = problem;
  const name = `${source.userName}@${source.host}:${source.path}`;
  const message = `Snapshot "${id}" of "${name}" ${reason}`;
  return finding('KOPIA_MANIFEST_MALFORMED', `${url} snapshot ${id}`, message, {
    evidence: { snapshot: id, source: name, contentId },
  });
}

/**
 * Kopia sets the next full maintenance one interval ahead whenever one has ended, so that one that
 * is overdue by a whole interval was missed. Before the first one it has no date: then it was due one
 * interval after its parameters were set, which happens when the repository is made.
 */
export function maintenanceFindings(
  url: string,
  schedule: MaintenanceSchedule | undefined,
  parameters: MaintenanceParameters | undefined,
  now: Date,
): readonly Finding[] {
  if (parameters === undefined || !parameters.full.enabled) return [];
  const { owner, full, modified } = parameters;
  const due = schedule?.nextFullMaintenance ?? new Date(modified.getTime() + full.intervalMs);
  const overdueMs = now.getTime() - due.getTime();
  if (overdueMs <= full.intervalMs) return [];
  const hours = Math.floor(overdueMs / 3_600_000);
  const never = schedule?.nextFullMaintenance === undefined ? ' and has never run' : '';
  const message = `Full maintenance has been due for ${hours} hours${never}; its owner is "${owner}"`;
  return [
    finding('KOPIA_MAINTENANCE_OVERDUE', url, message, {
      evidence: { owner, dueAt: due.toISOString(), overdueHours: hours },
    }),
  ];
}
