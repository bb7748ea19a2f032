import type { Config, NamedLocation } from '../../shared/config/config.ts';
import { VERIFY_DEFAULTS } from '../../shared/config/config.ts';
import { locationIdentity } from '../../shared/config/location.ts';
import { DrydockError } from '../../shared/model/errors.ts';
import { selectLocations } from '../verify-config.ts';
import type { VerifyRun } from '../verify-run.ts';
import type { CliContext } from './context.ts';
import { placeNamed } from './place.ts';
import { stateFor } from './state.ts';
import type { VerifyOptions } from './verify.ts';

/** What a command line without any configuration stands for. */
const NO_CONFIG: Config = {
  locations: new Map(),
  routes: [],
  clusters: new Map(),
  verify: VERIFY_DEFAULTS,
};

/**
 * What the command line asks for.
 * @throws LOCATION_UNKNOWN, CLUSTER_UNKNOWN, APPLICATION_UNKNOWN, LOCATIONS_MISSING, OPTION_INVALID
 */
export function verifyRequest(
  names: readonly string[],
  config: Config | undefined,
  options: VerifyOptions,
  env: CliContext['env'],
  now: Date,
): VerifyRun {
  const { application, cluster, rung, since } = options;
  const known = config ?? NO_CONFIG;
  const wanted = [...names, ...(options.location ?? [])];
  const chosen = wanted.length === 0 ? known.locations : locationsFor(wanted, config);
  const locations = selectLocations(
    { ...known, locations: chosen },
    {
      ...(cluster !== undefined && { cluster }),
      ...(application !== undefined && { application }),
    },
  );
  return {
    config: known,
    locations,
    ...stateFor(options.state, config, env),
    ...(application !== undefined && { application }),
    ...(since !== undefined && { since: sinceTime(since, now) }),
    rung,
    dryRun: options.dryRun === true,
    ...(options.allowRetrieval === true && { allowRetrieval: true }),
  };
}

/** Each place once, however often and by whatever name it was asked for. */
function locationsFor(
  names: readonly string[],
  config: Config | undefined,
): ReadonlyMap<string, NamedLocation> {
  const configured = [...(config?.locations.values() ?? [])];
  const chosen = new Map<string, NamedLocation>();
  for (const text of names) {
    const place = placeNamed(text, config);
    const identity = locationIdentity(place.location);
    // A URL of the configuration is that location, with all that is known of it.
    const known = configured.find(({ location }) => locationIdentity(location) === identity);
    chosen.set(identity, known ?? { layout: 'velero', ...place, name: identity });
  }
  return chosen;
}

/** @throws OPTION_INVALID for a moment that is still to come */
function sinceTime(since: number | Date, now: Date): Date {
  const time = typeof since === 'number' ? new Date(now.getTime() - since) : since;
  if (time <= now) return time;
  const message = `Cannot use --since "${time.toISOString()}": it lies in the future`;
  throw new DrydockError('usage', 'OPTION_INVALID', message, {
    hint: 'Write a time that has passed, or a duration like 36h',
  });
}
