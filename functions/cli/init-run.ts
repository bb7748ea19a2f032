import { writeFile } from 'node:fs/promises';
import { CONFIG_FILE } from '../../shared/config/config.ts';
import { parseConfig } from '../../shared/config/load.ts';
import { DrydockError } from '../../shared/model/errors.ts';
import { type CliContext, cliLogger } from './context.ts';
import type { InitOptions } from './init.ts';
import { draftFromBucket } from './init-bucket.ts';
import { draftFromCluster } from './init-cluster.ts';
import { type Draft, draftYaml } from './init-draft.ts';
import { lineProgress } from './progress.ts';
import { count, json, printable } from './terminal.ts';

/** Drafts a configuration, and writes it to `file` unless it is to be printed. */
export async function init(
  file: string | undefined,
  options: InitOptions,
  context: CliContext,
): Promise<void> {
  const draft = await draftFor(options, context);
  const text = draftYaml(draft);
  // A draft that its own reader refuses would be a defect: better now than in the user's hands.
  parseConfig(text, 'the draft');
  const target = file ?? options.config ?? CONFIG_FILE;
  if (options.stdout === true || target === '-') context.stdout.write(text);
  else await save(text, target, draft, options, context);
}

function draftFor(options: InitOptions, context: CliContext): Promise<Draft> {
  const { env, clock, signal, stderr } = context;
  const { from, kubeconfig, context: name, namespace } = options;
  if (from === undefined) {
    return draftFromCluster({
      namespace,
      signal,
      ...(kubeconfig !== undefined && { kubeconfig }),
      ...(name !== undefined && { context: name }),
    });
  }
  if (kubeconfig !== undefined || name !== undefined) {
    throw new DrydockError('usage', 'BUCKET_AND_CLUSTER', 'Cannot use --from with a cluster', {
      hint: 'Leave out --from, or --kubeconfig and --context',
    });
  }
  const log = cliLogger(lineProgress(stderr, clock.now), context.errorColors);
  const say = (line: string): void => void stderr.write(`${printable(line)}\n`);
  return draftFromBucket(from, { env, clock, log, signal }, say);
}

async function save(
  text: string,
  file: string,
  draft: Draft,
  options: InitOptions,
  context: CliContext,
): Promise<void> {
  try {
    await writeFile(file, text, { flag: options.force === true ? 'w' : 'wx' });
  } catch (cause) {
    const exists = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
    const code = exists ? 'FILE_EXISTS' : 'FILE_NOT_WRITTEN';
    const reason = exists ? 'it exists' : 'the system refuses it';
    const hint = exists
      ? 'Overwrite it with --force, or print the draft with --stdout'
      : 'Name another file, or print the draft with --stdout';
    throw new DrydockError('usage', code, `Cannot write "${file}": ${reason}`, { hint, cause });
  }
  const locations = draft.locations.length;
  const facts = { file, source: draft.source, locations };
  context.stdout.write(
    options.output === 'json'
      ? `${json(facts)}\n`
      : `Wrote ${file} with ${count(locations, 'location')}; next: drydock config validate\n`,
  );
}
