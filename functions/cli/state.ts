import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Config, Place } from '../../shared/config/config.ts';
import { parseLocationUrl } from '../../shared/config/location.ts';
import type { CliContext } from './context.ts';

/** Where a command keeps or finds what Drydock remembers. */
export interface ChosenState {
  readonly state: Place;
  /** Nobody named one: it is a folder of this user, which may not be there yet. */
  readonly stateIsLocal: boolean;
}

/** That of `--state`, else of the configuration, else the folder of this user. */
export function stateFor(
  url: string | undefined,
  config: Config | undefined,
  env: CliContext['env'],
): ChosenState {
  if (url !== undefined) {
    return { state: { location: parseLocationUrl(url), access: {} }, stateIsLocal: false };
  }
  if (config?.state !== undefined) return { state: config.state, stateIsLocal: false };
  return { state: localState(env), stateIsLocal: true };
}

/** The folder of this user, for runs that name no state. */
function localState(env: CliContext['env']): Place {
  const xdg = env['XDG_STATE_HOME'];
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(homedir(), '.local', 'state');
  return { location: { kind: 'file', path: join(base, 'drydock') }, access: {} };
}
