import { existsSync } from 'node:fs';
import type { Config } from '../../shared/config/config.ts';
import { locationIdentity, locationName } from '../../shared/config/location.ts';
import { LADDERS_FOLDER, ladderKey } from '../../shared/ledger/keys.ts';
import { LADDER } from '../../shared/ledger/location-look.ts';
import { readRecord } from '../../shared/ledger/record.ts';
import { DrydockError } from '../../shared/model/errors.ts';
import { isAtLeast } from '../../shared/model/finding.ts';
import {
  isFailing,
  type KeptLadder,
  type KnownLocation,
  type Status,
  statusOf,
} from '../../shared/report/status.ts';
import { readOnly } from '../../shared/stores/read-only.ts';
import type { ObjectReader } from '../../shared/stores/store.ts';
import { openStore } from '../stores.ts';
import { optionalConfig } from './config-file.ts';
import { type CliContext, cliLogger } from './context.ts';
import { limitOf } from './limit.ts';
import { EXIT, type ExitCode } from './outcome.ts';
import { cliProgress } from './progress.ts';
import { type ChosenState, stateFor } from './state.ts';
import type { StatusOptions } from './status.ts';
import { statusText } from './status-text.ts';
import { json } from './terminal.ts';

/** `drydock status`: prints what the ledger says now. */
export async function showStatus(options: StatusOptions, context: CliContext): Promise<ExitCode> {
  const { env, clock, stdout, stderr, errorColors, colors } = context;
  const config = await optionalConfig(options.config);
  const chosen = stateFor(options.state, config, env);
  const limit = limitOf(options.deadline, context.signal);
  try {
    const log = cliLogger(cliProgress(stderr, clock.now), errorColors);
    const { signal } = limit;
    const ladders = isAbsent(chosen)
      ? []
      : await readLadders(
          readOnly(await openStore(chosen.state, { env, clock, log, signal })),
          signal,
        );
    const state = locationName(chosen.state.location);
    if (ladders.length === 0) throw noLadder(state);
    const status = statusOf(ladders, config && knownLocations(config), state, clock.now());
    stdout.write(options.output === 'json' ? `${json(status)}\n` : statusText(status, colors));
    return exitCodeOfStatus(status, options.failOn);
  } finally {
    limit.clear();
  }
}

/** The folder of this user is made by the first run that writes to it. */
function isAbsent({ state, stateIsLocal }: ChosenState): boolean {
  return stateIsLocal && state.location.kind === 'file' && !existsSync(state.location.path);
}

/**
 * Every ladder of a state.
 * @throws StoreError, RECORD_DAMAGED, RECORD_NEWER
 */
export async function readLadders(
  state: ObjectReader,
  signal: AbortSignal,
): Promise<readonly KeptLadder[]> {
  const ladders: KeptLadder[] = [];
  for await (const { key } of state.list(LADDERS_FOLDER, { signal })) {
    const record = await readRecord(state, key, LADDER, { signal });
    if (record !== undefined) ladders.push({ key, ladder: record.value });
  }
  return ladders;
}

function knownLocations({ locations }: Config): readonly KnownLocation[] {
  return [...locations.values()].map(({ name, location }) => ({
    name,
    url: locationName(location),
    key: ladderKey(locationIdentity(location)),
  }));
}

function noLadder(state: string): DrydockError {
  const message = `Cannot tell the status: "${state}" holds no result of a verification`;
  return new DrydockError('operation', 'LADDER_ABSENT', message, {
    hint: 'Run "drydock verify" with the same state first',
  });
}

/** A breach, or nothing proven, counts as an error, a location that nobody looked at as a warning. */
function exitCodeOfStatus({ rows, locations }: Status, failOn: StatusOptions['failOn']): ExitCode {
  const isBad = rows.some(({ verdict }) => isFailing(verdict));
  const isUnsure = locations.some((each) => each.isConfigured && each.isStale);
  const fails = (is: boolean, severity: 'warning' | 'error'): boolean =>
    is && isAtLeast(severity, failOn);
  return fails(isBad, 'error') || fails(isUnsure, 'warning') ? EXIT.findings : EXIT.ok;
}
