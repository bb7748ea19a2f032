import type { Config, NamedLocation } from '../shared/config/config.ts';
import { didYouMean } from '../shared/config/nearest.ts';
import { DrydockError } from '../shared/model/errors.ts';

/** What a verification is narrowed to, by names of the configuration. */
export interface VerifySelection {
  readonly locations?: readonly string[];
  readonly cluster?: string;
  readonly application?: string;
}

/**
 * The locations that a selection leaves, in the order of the configuration.
 * @throws DrydockError `LOCATION_UNKNOWN`, `CLUSTER_UNKNOWN`, `APPLICATION_UNKNOWN`, and
 *   `LOCATIONS_MISSING` when none is left
 */
export function selectLocations(
  config: Config,
  { locations: names, cluster, application }: VerifySelection,
): readonly NamedLocation[] {
  const known = [...config.locations.keys()];
  for (const name of names ?? []) checkName('location', 'Locations', name, known);
  if (cluster !== undefined) {
    checkName('cluster', 'Clusters', cluster, [...config.clusters.keys()]);
  }
  const applications = config.protect?.applications?.map(({ name }) => name);
  // Without a list of them, applications are the namespaces that the backups hold.
  if (application !== undefined && applications !== undefined) {
    checkName('application', 'Applications', application, applications);
  }
  const places = [...config.locations.values()].filter(
    (place) =>
      (names === undefined || names.includes(place.name)) &&
      (cluster === undefined || place.cluster === cluster),
  );
  if (places.length > 0) return places;
  const message = 'Cannot verify: no location is left';
  throw new DrydockError('usage', 'LOCATIONS_MISSING', message, {
    hint:
      cluster === undefined
        ? 'Add one to "locations:" of the configuration, or name a URL'
        : `Add "cluster: ${cluster}" to the locations that its Velero writes to`,
  });
}

function checkName(
  what: 'location' | 'cluster' | 'application',
  plural: string,
  name: string,
  known: readonly string[],
): void {
  if (known.includes(name)) return;
  const near = didYouMean(name, known);
  const none = `Add it to "${plural.toLowerCase()}:" of the configuration; there are none`;
  const all = known.length === 0 ? none : `${plural} are ${known.join(', ')}`;
  const message = `Cannot verify "${name}": no such ${what}`;
  throw new DrydockError('usage', `${what.toUpperCase()}_UNKNOWN`, message, {
    hint: near === undefined ? all : `${near} ${all}`,
  });
}
