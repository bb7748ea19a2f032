import {
  type MaintenanceSchedule,
  readMaintenance,
} from '../../../shared/kopia/format/maintenance.ts';
import {
  type MaintenanceParameters,
  maintenanceParametersOf,
  type Policy,
  policiesOf,
} from '../../../shared/kopia/manifests/settings.ts';
import type { Snapshot } from '../../../shared/kopia/manifests/snapshots.ts';
import type { Repository } from '../../../shared/kopia/repository.ts';
import { formatFindings } from '../../../shared/kopia/verify/settings.ts';
import { DrydockError } from '../../../shared/model/errors.ts';
import { type Finding, isAtLeast } from '../../../shared/model/finding.ts';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode, exitCodeOfError, highest } from '../outcome.ts';
import { findingText } from '../render.ts';
import { json } from '../terminal.ts';
import { eachRepository, errorRecords } from './every.ts';
import { infoText } from './info-text.ts';
import { type KopiaOptions, openAt, type Session, whatIsLost, withSession } from './session.ts';
import { sourceOf } from './snapshot-choice.ts';

/** What can be said of a repository without reading data. Times are RFC 3339. */
export interface RepositoryInfo {
  readonly repository: string;
  /** Hex, as "kopia repository status" prints it. */
  readonly uniqueId: string;
  readonly format: Readonly<Record<string, unknown>>;
  readonly index: Readonly<Record<string, unknown>>;
  readonly contents: Readonly<
    Record<'live' | 'deleted' | 'liveSizeBytes' | 'deletedSizeBytes', number>
  >;
  readonly packs: number;
  readonly maintenance: Readonly<Record<string, unknown>>;
  /** Whose, as Kopia prints it: `(global)`, `@host`, `user@host` or `user@host:path`. */
  readonly policies: readonly { readonly target: string; readonly policy: unknown }[];
  readonly snapshots: number;
  readonly incompleteSnapshots: number;
  readonly sources: readonly {
    readonly source: string;
    readonly snapshots: number;
    /** Of the newest complete one. */
    readonly newestId?: string;
    readonly newestAt?: string;
  }[];
  /** Damage that may hide snapshots or files, each as a sentence. */
  readonly problems: readonly string[];
  readonly findings: readonly Finding[];
}

/** `drydock kopia info`: what a repository is, and how it is kept. */
export function showInfo(
  location: string,
  options: KopiaOptions,
  context: CliContext,
): Promise<ExitCode> {
  return withSession(location, options, context, async (session) => {
    const outcome = await eachRepository(session, options.output, async (prefix, url) =>
      infoOf(session, await openAt(session, prefix), url),
    );
    const { results, errors } = outcome;
    const { stdout, colors } = context;
    if (options.output === 'json') {
      const all = {
        schema: 'drydock/kopia-info/v1',
        repositories: results,
        errors: errorRecords(outcome),
      };
      stdout.write(`${json(all)}\n`);
    } else {
      const blocks = results.flatMap((info) => [
        infoText(info, colors),
        ...info.findings.map((each) => `${findingText(each, colors)}\n`),
      ]);
      stdout.write(blocks.join('\n'));
    }
    const found = results.some(
      ({ findings, problems }) =>
        problems.length > 0 || findings.some(({ severity }) => isAtLeast(severity, options.failOn)),
    );
    return highest([
      found ? EXIT.findings : EXIT.ok,
      ...errors.map(({ error }) => exitCodeOfError(error)),
    ]);
  });
}

async function infoOf(
  session: Session,
  repository: Repository,
  url: string,
): Promise<RepositoryInfo> {
  const { format, indexes, manifests } = repository;
  const { snapshots } = repository.snapshots;
  const schedule = await scheduleOf(session, repository);
  const { blobs, currentEpoch, watermarkSeconds } = indexes;
  return {
    repository: url,
    uniqueId: Buffer.from(format.uniqueId, 'base64').toString('hex'),
    format: {
      version: format.version,
      madeBy: `${format.formatTool.name} ${format.formatTool.version}`.trim(),
      keyDerivation: format.keyDerivation,
      hash: format.hash,
      encryption: format.encryption,
      splitter: format.splitter === '' ? 'FIXED' : format.splitter,
      ...(format.ecc && { ecc: format.ecc }),
      maxPackSizeBytes: format.maxPackSizeBytes,
      passwordChangeable: format.passwordChangeable,
      defaultPassword: format.defaultPassword,
      requiredFeatures: format.requiredFeatures,
      warnings: format.warnings,
      ...(format.retention && { retention: format.retention }),
    },
    index: {
      version: format.indexVersion,
      epochs: format.epochs.enabled,
      ...(currentEpoch !== undefined && { currentEpoch }),
      ...(watermarkSeconds > 0 && { watermarkAt: iso(new Date(watermarkSeconds * 1000)) }),
      blobs: blobs.listed,
      activeBlobs: blobs.active,
      activeSizeBytes: blobs.sizeBytes,
    },
    contents: contentAmounts(repository),
    packs: indexes.contents.packs.count,
    maintenance: maintenanceFacts(maintenanceParametersOf(manifests), schedule),
    policies: policiesOf(manifests).map(({ target, data }) => ({
      target: targetText(target),
      policy: data,
    })),
    snapshots: snapshots.filter(({ incompleteReason }) => incompleteReason === undefined).length,
    incompleteSnapshots: snapshots.filter(({ incompleteReason }) => incompleteReason !== undefined)
      .length,
    sources: sourcesOf(snapshots),
    problems: whatIsLost(repository),
    findings: formatFindings(format.url, format).filter(
      ({ code }) => code === 'KOPIA_DEFAULT_PASSWORD',
    ),
  };
}

/** A schedule that cannot be read keeps nothing else from being told. */
async function scheduleOf(
  { reader, signal, log }: Session,
  { format }: Repository,
): Promise<MaintenanceSchedule | undefined> {
  try {
    return await readMaintenance(reader, format, { signal });
  } catch (error) {
    if (!(error instanceof DrydockError) || error.code !== 'KOPIA_MAINTENANCE_UNREADABLE') {
      throw error;
    }
    log.log('warning', `${error.code}: ${error.message}`);
    return undefined;
  }
}

function contentAmounts({ indexes }: Repository): RepositoryInfo['contents'] {
  const table = indexes.contents;
  const amounts = { live: 0, deleted: 0, liveSizeBytes: 0, deletedSizeBytes: 0 };
  for (let position = 0; position < table.size; position += 1) {
    const bytes = table.packedLengthOf(position);
    if (table.isDeleted(position)) {
      amounts.deleted += 1;
      amounts.deletedSizeBytes += bytes;
    } else {
      amounts.live += 1;
      amounts.liveSizeBytes += bytes;
    }
  }
  return amounts;
}

/** The task that full maintenance always ends with once it has run in whole. */
const FULL_TASKS = ['full-rewrite-contents', 'full-delete-blobs', 'snapshot-gc'] as const;

function maintenanceFacts(
  parameters: MaintenanceParameters | undefined,
  schedule: MaintenanceSchedule | undefined,
): Record<string, unknown> {
  const runs = FULL_TASKS.flatMap((task) => schedule?.runs.get(task) ?? []);
  const ended = runs.filter(({ success }) => success).map(({ end }) => end.getTime());
  const failed = [...(schedule?.runs ?? [])].flatMap(([task, all]) =>
    all[0]?.success === false ? [`${task}: ${all[0].error ?? 'failed'}`] : [],
  );
  return {
    ...(parameters && {
      owner: parameters.owner,
      quickIntervalMs: parameters.quick.enabled ? parameters.quick.intervalMs : null,
      fullIntervalMs: parameters.full.enabled ? parameters.full.intervalMs : null,
    }),
    ...(schedule?.nextQuickMaintenance && { nextQuickAt: iso(schedule.nextQuickMaintenance) }),
    ...(schedule?.nextFullMaintenance && { nextFullAt: iso(schedule.nextFullMaintenance) }),
    ...(ended.length > 0 && { lastFullAt: iso(new Date(Math.max(...ended))) }),
    failing: failed,
  };
}

function targetText({ host, userName, path }: Policy['target']): string {
  if (host === undefined) return '(global)';
  return `${userName ?? ''}@${host}${path === undefined ? '' : `:${path}`}`;
}

function sourcesOf(snapshots: readonly Snapshot[]): RepositoryInfo['sources'] {
  const counts = new Map<string, { count: number; newest?: Snapshot }>();
  for (const snapshot of snapshots) {
    const source = sourceOf(snapshot);
    const known = counts.get(source) ?? { count: 0 };
    known.count += 1;
    if (snapshot.incompleteReason === undefined) known.newest = snapshot;
    counts.set(source, known);
  }
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([source, { count, newest }]) => ({
      source,
      snapshots: count,
      ...(newest && { newestId: newest.id, newestAt: iso(newest.startTime) }),
    }));
}

const iso = (date: Date): string => date.toISOString();
