import type { Config } from '../../../shared/config/config.ts';
import { DrydockError } from '../../../shared/model/errors.ts';
import { readOnly } from '../../../shared/stores/read-only.ts';
import type { ObjectReader } from '../../../shared/stores/store.ts';
import type { Logger } from '../../../shared/telemetry/logger.ts';
import { ageFindings } from '../../../shared/velero/checks/backup-age.ts';
import type { BackupFacts } from '../../../shared/velero/checks/backup-facts.ts';
import { lookAtBackup } from '../../../shared/velero/checks/backup-look.ts';
import { readRoot, type VeleroRoot } from '../../../shared/velero/checks/root.ts';
import { openStore } from '../../stores.ts';
import { optionalConfig } from '../config-file.ts';
import { type CliContext, cliLogger } from '../context.ts';
import { limitOf } from '../limit.ts';
import type { GlobalOptions } from '../options.ts';
import { type NamedPlace, placeWithin } from '../place.ts';
import { type CliProgress, cliProgress } from '../progress.ts';

/** What a command of `drydock velero` works with: one Velero root. */
export interface OpenRoot {
  readonly config: Config | undefined;
  readonly place: NamedPlace;
  /** The right to look, and no other one. */
  readonly reader: ObjectReader;
  readonly root: VeleroRoot;
  readonly progress: CliProgress;
  readonly log: Logger;
  /** Aborted by the user, and by `--deadline`. */
  readonly signal: AbortSignal;
}

/** Opens the location that an argument names for `work`, and leaves the terminal as it was. */
export async function withRoot<T>(
  text: string,
  options: GlobalOptions,
  context: CliContext,
  work: (open: OpenRoot) => Promise<T>,
): Promise<T> {
  const { env, clock, stderr, errorColors } = context;
  const config = await optionalConfig(options.config);
  const place = placeWithin(text, config);
  if (place.layout === 'kopia') {
    const message = `Cannot read "${text}" as a Velero root: its layout is kopia`;
    throw new DrydockError('usage', 'NOT_A_VELERO_ROOT', message, {
      hint: `Run "drydock kopia snapshots ${text}"`,
    });
  }
  const progress = cliProgress(stderr, clock.now);
  const log = cliLogger(progress, errorColors);
  const limit = limitOf(options.deadline, context.signal);
  const { signal } = limit;
  try {
    const reader = readOnly(await openStore(place, { env, clock, log, signal }));
    const root = await readRoot(reader, { signal });
    return await work({ config, place, reader, root, progress, log, signal });
  } finally {
    limit.clear();
    progress.end();
  }
}

/** Reads a backup whole: what its bytes tell, and what they mean at this hour. */
export async function lookAt(open: OpenRoot, backup: string, now: Date): Promise<BackupFacts> {
  const { config, place, reader, root, signal } = open;
  const { url } = reader;
  const isReplica = config?.routes.some(({ target }) => target.name === place.name) === true;
  const facts = await lookAtBackup(reader, backup, root.backups.get(backup) ?? [], {
    url,
    role: isReplica ? 'replica' : 'source',
    now,
    signal,
  });
  return { ...facts, findings: [...facts.findings, ...ageFindings(facts, { url, now })] };
}
