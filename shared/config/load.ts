import { DrydockError } from '../model/errors.ts';
import { clusterOf } from './clusters.ts';
import type { Cluster, Config, Route } from './config.ts';
import { crossProblems } from './cross-checks.ts';
import { type ConfigDocument, parseYaml } from './document.ts';
import { problemsOf } from './issues.ts';
import { isRecord, type Parts, partsOf } from './parts.ts';
import { ConfigError } from './problem.ts';
import { problemAt } from './problem-at.ts';
import { protectionOf, verifySettings } from './protection.ts';
import { configSchema } from './schema.ts';

/**
 * Reads a configuration file by means of `readFile`.
 * @throws ConfigError with everything that is wrong with it; DrydockError `CONFIG_NOT_FOUND` or
 *   `CONFIG_UNREADABLE`
 */
export async function loadConfig(
  file: string,
  readFile: (path: string) => Promise<string>,
): Promise<Config> {
  let text: string;
  try {
    text = await readFile(file);
  } catch (cause) {
    const absent = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const code = absent ? 'CONFIG_NOT_FOUND' : 'CONFIG_UNREADABLE';
    const reason = absent ? 'there is no such file' : 'it cannot be read';
    const hint = absent
      ? 'Draft one with "drydock init", or name another one with --config'
      : 'Check that it is a file and that you may read it';
    throw new DrydockError('usage', code, `Cannot read "${file}": ${reason}`, { hint, cause });
  }
  return parseConfig(text, file);
}

/** Turns the text of a configuration file into a checked `Config`. */
export function parseConfig(text: string, file: string): Config {
  const document = parseYaml(text, file);
  checkBeginning(document, file);
  const checked = configSchema.safeParse(document.value);
  const shape = checked.error?.issues.flatMap((issue) => problemsOf(issue, document)) ?? [];
  const parts = partsOf(document.value);
  const problems = [...shape, ...crossProblems(document, parts)];
  const { verify } = parts;
  if (problems.length > 0 || !checked.success || verify === undefined) {
    throw new ConfigError('CONFIG_INVALID', file, problems);
  }
  const { events, protect } = checked.data;
  return {
    ...(parts.state !== undefined && { state: parts.state }),
    locations: parts.locations,
    clusters: clustersOf(parts),
    ...(protect !== undefined && { protect: protectionOf(protect, parts.classes, verify.rpo) }),
    verify: verifySettings(verify),
    routes: routesOf(parts),
    ...(events !== undefined && {
      events: { bus: events.bus, ...(events.region !== undefined && { region: events.region }) },
    }),
  };
}

function clustersOf({ clusters }: Parts): ReadonlyMap<string, Cluster> {
  const found = [...clusters.entries].flatMap(([name, entry]) => clusterOf(name, entry) ?? []);
  return new Map(found.map((cluster) => [cluster.name, cluster]));
}

function routesOf({ routes }: Parts): readonly Route[] {
  return routes.flatMap(({ entry, source, target }): Route[] => {
    if (source === undefined || target === undefined) return [];
    const { name, concurrency } = entry;
    return [{ name, source, target, ...(concurrency !== undefined && { concurrency }) }];
  });
}

/** What makes all further messages pointless. */
function checkBeginning(document: ConfigDocument, file: string): void {
  const { value } = document;
  if (value === null || value === undefined) {
    const problem = problemAt(document, [], 'the file is empty', 'Draft one with "drydock init"');
    throw new ConfigError('CONFIG_INVALID', file, [problem]);
  }
  const version: unknown = isRecord(value) ? value['version'] : undefined;
  if (typeof version === 'number' && Number.isInteger(version) && version !== 1) {
    const message = `is ${version}, but this Drydock reads version 1`;
    const hint = version > 1 ? 'Use a newer Drydock, or write version: 1' : 'Write version: 1';
    const problem = problemAt(document, ['version'], message, hint);
    throw new ConfigError('CONFIG_VERSION', file, [problem]);
  }
}
