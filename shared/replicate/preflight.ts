import { FORMAT_BLOB, SHARDS_FILE } from '../kopia/blob-names.ts';
import { readRepositoryId } from '../kopia/format/format-blob.ts';
import { DrydockError } from '../model/errors.ts';
import { finding } from '../model/finding.ts';
import { isVeleroFolder, KOPIA, RESTIC, RESTORES, repositoryPrefix } from '../velero/layout.ts';
import type { RouteRun } from './copy.ts';

/** What a route consists of, found before anything is written. */
export interface Layout {
  /** Prefixes of Kopia repositories that are whole enough to copy. */
  readonly repositories: readonly string[];
  /** Namespaces below kopia/ whose repository cannot be copied. */
  readonly broken: readonly string[];
  readonly resticRepositories: readonly string[];
}

/**
 * Looks at both sides and refuses what would overwrite one disaster with another.
 * @throws SOURCE_EMPTY (refused) when the source lost what the target has.
 * @throws OTHER_REPOSITORY (refused) when the target holds a different repository.
 * @throws NOTHING_FOUND when neither side holds anything to replicate.
 */
export async function preflight(run: RouteRun): Promise<Layout> {
  return run.config.layout === 'kopia' ? preflightKopia(run) : preflightVelero(run);
}

async function preflightKopia(run: RouteRun): Promise<Layout> {
  if ((await repositoryState(run, '')) !== 'whole') {
    const hint = `Check the URL; a repository has "${FORMAT_BLOB}" at its root. For a Velero root use --layout velero`;
    throw nothingFound(run, `there is no ${FORMAT_BLOB}`, hint);
  }
  return { repositories: [''], broken: [], resticRepositories: [] };
}

async function preflightVelero(run: RouteRun): Promise<Layout> {
  const { source, target } = run.deps;
  const folders = await Array.fromAsync(source.listDirectories('', { signal: run.signal }));
  const targetFolders = await Array.fromAsync(target.listDirectories('', { signal: run.signal }));
  const known = folders.filter(isVeleroFolder);
  if (known.length === 0) {
    if (targetFolders.some(isVeleroFolder)) throw sourceEmpty(run, 'the source has no backups/');
    const seen =
      folders.length === 0 ? 'it is empty' : `it has only ${folders.slice(0, 8).join(', ')}`;
    const hint = 'Check bucket and prefix; for a Kopia repository on its own use --layout kopia';
    throw nothingFound(run, seen, hint);
  }
  const foreign = folders.filter((folder) => !isVeleroFolder(folder));
  if (foreign.length > 0) {
    const message = `Left out ${foreign.length} folders that belong to neither Velero nor Kopia`;
    const evidence = { folders: foreign.slice(0, 20) };
    run.tally.findings.push(finding('FOREIGN_OBJECTS', source.url, message, { evidence }));
  }
  if (folders.includes(RESTORES)) {
    const subject = `${source.url}/${RESTORES}`;
    run.tally.findings.push(finding('RESTORES_LEFT_OUT', subject, 'Left out the restores'));
  }
  if (targetFolders.includes('backups/') && !folders.includes('backups/')) {
    throw sourceEmpty(run, 'the source has no backups/');
  }
  const { repositories, broken } = await findRepositories(run);
  const restic = await Array.fromAsync(source.listDirectories(RESTIC, { signal: run.signal }));
  return {
    repositories,
    broken,
    resticRepositories: restic.map((folder) => `${RESTIC}${folder}`),
  };
}

async function findRepositories(run: RouteRun): Promise<Pick<Layout, 'repositories' | 'broken'>> {
  const namespacesOf = async (side: 'source' | 'target'): Promise<string[]> => {
    const folders = await Array.fromAsync(
      run.deps[side].listDirectories(KOPIA, { signal: run.signal }),
    );
    return folders.map((folder) => folder.slice(0, -1));
  };
  const repositories: string[] = [];
  const broken: string[] = [];
  const source = await namespacesOf('source');
  for (const namespace of new Set([...source, ...(await namespacesOf('target'))])) {
    const prefix = repositoryPrefix(namespace);
    const state = await repositoryState(run, prefix).catch(unreadable);
    if (state === 'whole') repositories.push(prefix);
    else if (state !== 'absent') {
      broken.push(namespace);
      const subject = `${run.deps.source.url}/${prefix}`;
      const why = state === 'unopenable' ? `it has no ${FORMAT_BLOB}` : state.message;
      const code = state === 'unopenable' ? 'REPOSITORY_ABSENT' : 'REPOSITORY_UNREADABLE';
      run.tally.findings.push(finding(code, subject, `Left out "${prefix}": ${why}`));
    }
  }
  return { repositories, broken };
}

/** One bad format blob, at either side, must not keep the other repositories from their copies. */
function unreadable(error: unknown): DrydockError {
  if (error instanceof DrydockError && error.code === 'NOT_A_REPOSITORY') return error;
  throw error;
}

/**
 * Refuses a target that would lose its repository, or get another one mixed into it.
 * @returns whether the source has a format blob.
 */
async function checkRepository(run: RouteRun, prefix: string): Promise<boolean> {
  const { source, target } = run.deps;
  const sourceId = await readRepositoryId(source, prefix, { signal: run.signal });
  const targetId = await readRepositoryId(target, prefix, { signal: run.signal });
  if (targetId === undefined) return sourceId !== undefined;
  if (sourceId === undefined) {
    throw sourceEmpty(run, `the source lacks "${prefix}${FORMAT_BLOB}"`);
  }
  if (sourceId === targetId) return true;
  const message = `Cannot replicate "${source.url}/${prefix}" to "${target.url}/${prefix}": the target holds another repository (its uniqueID differs)`;
  const hint = 'Give the route a target of its own, or move the other repository away';
  throw new DrydockError('refused', 'OTHER_REPOSITORY', message, { hint });
}

type RepositoryState = 'whole' | 'unopenable' | 'absent';

async function repositoryState(run: RouteRun, prefix: string): Promise<RepositoryState> {
  const { source } = run.deps;
  const options = { signal: run.signal };
  if (await checkRepository(run, prefix)) return 'whole';
  if ((await source.stat(`${prefix}${SHARDS_FILE}`, options)) !== undefined) {
    const message = `Cannot replicate "${source.url}/${prefix}": Kopia sharded this folder`;
    const hint = 'Copy it with "kopia repository sync-to" into a bucket first';
    throw new DrydockError('operation', 'SHARDED_REPOSITORY', message, { hint });
  }
  for await (const { key, sizeBytes } of source.list(prefix, options)) {
    // Consoles leave an empty object that stands for the folder.
    if (key !== prefix || sizeBytes > 0) return 'unopenable';
  }
  return 'absent';
}

function sourceEmpty(run: RouteRun, why: string): DrydockError {
  const { source, target } = run.deps;
  const message = `Refused to replicate "${source.url}" to "${target.url}": ${why}, the target has it`;
  const hint =
    'If the source was emptied on purpose remove the replica yourself; else find out what happened, the replica is your copy now';
  return new DrydockError('refused', 'SOURCE_EMPTY', message, { hint });
}

function nothingFound(run: RouteRun, why: string, hint: string): DrydockError {
  const message = `Cannot replicate "${run.deps.source.url}": ${why}`;
  return new DrydockError('operation', 'NOTHING_FOUND', message, { hint });
}
