import { randomUUID } from 'node:crypto';
import { locationIdentity, locationName } from '../../shared/config/location.ts';
import type { EvidenceDeps } from '../../shared/ledger/evidence.ts';
import { type FoundChain, listChains } from '../../shared/ledger/evidence-chains.ts';
import { planTrim, trimEvidence } from '../../shared/ledger/evidence-retention.ts';
import { deadlineAt } from '../../shared/model/clock.ts';
import { DrydockError } from '../../shared/model/errors.ts';
import { openSigner } from '../clients/signing.ts';
import { openStore } from '../stores.ts';
import { optionalConfig } from './config-file.ts';
import { type CliContext, cliLogger } from './context.ts';
import { stateOf } from './evidence-verify.ts';
import type { GlobalOptions } from './options.ts';
import { EXIT, type ExitCode, errorRecord, exitCodeOfError, highest } from './outcome.ts';
import { placeNamed } from './place.ts';
import { cliProgress } from './progress.ts';
import { type Colors, count, json, printable } from './terminal.ts';

export interface EvidenceTrimOptions extends GlobalOptions {
  readonly state?: string;
  readonly job?: string;
  readonly location?: string;
  /** In milliseconds. */
  readonly olderThan: number;
  readonly dryRun?: boolean;
}

/** What came of one chain. */
interface TrimmedChain {
  readonly found: FoundChain;
  readonly records: number;
  /** Records that the store would not remove. */
  readonly kept: number;
  /** Why it was left alone. */
  readonly error?: DrydockError;
}

/** `drydock evidence trim`: removes what is older than anybody asks for, chain by chain. */
export async function trimEvidenceChains(
  options: EvidenceTrimOptions,
  context: CliContext,
): Promise<ExitCode> {
  const { env, clock, signal, stdout } = context;
  const now = clock.now();
  const keepFrom = new Date(now.getTime() - options.olderThan);
  const config = await optionalConfig(options.config);
  const place = stateOf(options, config);
  const location =
    options.location === undefined
      ? undefined
      : locationIdentity(placeNamed(options.location, config).location);
  const log = cliLogger(cliProgress(context.stderr, clock.now), context.errorColors);
  const state = await openStore(place, { env, clock, log, signal });
  const key = config?.verify.signingKey;
  const signer = key && (await openSigner(key, { env, clock }));
  const deps: EvidenceDeps = { state, uniqueId: randomUUID, ...(signer && { signer }) };
  const times = { now, keepFrom };
  const end = options.deadline === undefined ? undefined : now.getTime() + options.deadline;
  const deadline = deadlineAt(end === undefined ? undefined : new Date(end), clock);
  const chains: TrimmedChain[] = [];
  let isUnfinished = false;
  for await (const found of listChains(state, { signal })) {
    if (options.job !== undefined && found.job !== options.job) continue;
    const isOther = found.chain !== undefined && found.chain.location !== location;
    if (location !== undefined && isOther) continue;
    isUnfinished = deadline.remainingMs() === 0;
    if (isUnfinished) break;
    chains.push(await trimmed(deps, found, times, options.dryRun === true, signal));
  }
  const dryRun = options.dryRun === true;
  const outcome = { state: locationName(place.location), dryRun, keepFrom, chains, isUnfinished };
  if (options.output === 'json') stdout.write(`${json(jsonOf(outcome))}\n`);
  else stdout.write(textOf(outcome, context.colors));
  return highest([isUnfinished ? EXIT.operation : EXIT.ok, ...chains.map(exitCodeOf)]);
}

/** A chain that cannot be trimmed keeps no other one from its turn. */
async function trimmed(
  deps: EvidenceDeps,
  found: FoundChain,
  times: { readonly now: Date; readonly keepFrom: Date },
  dryRun: boolean,
  signal: AbortSignal,
): Promise<TrimmedChain> {
  try {
    const { chain } = found;
    if (chain === undefined) throw nobodys(deps, found);
    if (dryRun) {
      const { records } = await planTrim(deps, chain, times, { signal });
      return { found, records, kept: 0 };
    }
    const { removed, failures } = await trimEvidence(deps, chain, times, { signal });
    return { found, records: removed, kept: failures.length };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof DrydockError)) throw error;
    return { found, records: 0, kept: 0, error };
  }
}

function nobodys({ state }: EvidenceDeps, { folder }: FoundChain): DrydockError {
  const message = `Cannot trim the evidence "${state.url}/${folder}": nothing in it says which location it is about`;
  const hint = 'Run "drydock evidence verify" for all that is wrong with it';
  return new DrydockError('refused', 'EVIDENCE_BROKEN', message, { hint });
}

function exitCodeOf({ error, kept }: TrimmedChain): ExitCode {
  if (error !== undefined) return exitCodeOfError(error);
  return kept > 0 ? EXIT.operation : EXIT.ok;
}

interface Outcome {
  /** As its URL. */
  readonly state: string;
  readonly dryRun: boolean;
  readonly keepFrom: Date;
  readonly chains: readonly TrimmedChain[];
  readonly isUnfinished: boolean;
}

const OUT_OF_TIME = 'The deadline came before the last chain';

function jsonOf(outcome: Outcome): Record<string, unknown> {
  const { state, dryRun, keepFrom, chains, isUnfinished } = outcome;
  return {
    schema: 'drydock/evidence-trim/v1',
    state,
    dryRun,
    keepFrom: keepFrom.toISOString(),
    chains: chains.map(({ found, records, kept, error }) => ({
      folder: found.folder,
      job: found.job,
      location: found.chain?.location,
      records,
      kept,
      ...(error && { error: errorRecord(error) }),
    })),
    ...(isUnfinished && { unfinished: { reason: OUT_OF_TIME } }),
  };
}

function textOf({ dryRun, keepFrom, chains, isUnfinished }: Outcome, colors: Colors): string {
  const done = dryRun ? 'would remove' : 'removed';
  const lines = chains.map(({ found, records, kept, error }) => {
    const { job, chain, folder } = found;
    const name = printable(chain === undefined ? folder : `${job} ${chain.location}`);
    if (error !== undefined) {
      const hint = `${colors.cyan('hint')}: ${printable(error.hint)}`;
      return `${colors.red(`error ${error.code}`)} ${name}: ${printable(error.message)}\n  ${hint}`;
    }
    const failed = kept > 0 ? `, the store kept ${count(kept, 'record')}` : '';
    return `${done} ${count(records, 'record')} of ${name}${failed}`;
  });
  const all = chains.reduce((sum, { records }) => sum + records, 0);
  const before = `from before ${keepFrom.toISOString()}`;
  const end = dryRun ? 'nothing was written' : `${count(chains.length, 'chain')} looked at`;
  if (isUnfinished) lines.push(colors.yellow(`Unfinished: ${OUT_OF_TIME}`));
  return `${[...lines, `${done} ${count(all, 'record')} ${before}: ${end}`].join('\n')}\n`;
}
