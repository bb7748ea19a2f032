import type { Config, NamedLocation, Place } from '../../shared/config/config.ts';
import { parseLocationUrl } from '../../shared/config/location.ts';
import { didYouMean } from '../../shared/config/nearest.ts';
import { DrydockError } from '../../shared/model/errors.ts';

/** What an argument of the command line names: a location of the configuration, or a URL. */
export type NamedPlace = Place & Partial<NamedLocation>;

/** @throws DrydockError `LOCATION_UNKNOWN` or `LOCATION_INVALID` */
export function placeNamed(text: string, config: Config | undefined): NamedPlace {
  const named = config?.locations.get(text);
  if (named !== undefined) return named;
  if (/[:/]/.test(text)) return { location: parseLocationUrl(text), access: {} };
  throw unknown(text, config);
}

/**
 * The same where a part of a location may be meant: `name/below/it` is the location `name` from
 * the prefix `below/it/` on.
 */
export function placeWithin(text: string, config: Config | undefined): NamedPlace {
  const [, name = '', below = ''] = /^([^:/]+)\/+(.*?)\/*$/s.exec(text) ?? [];
  if (name === '') return placeNamed(text, config);
  const named = config?.locations.get(name);
  if (named === undefined) throw unknown(name, config);
  if (below === '') return named;
  if (below.split('/').some((part) => part === '.' || part === '..' || part === '')) {
    const message = `Cannot use "${text}": its path has an empty, "." or ".." segment`;
    throw usage('LOCATION_INVALID', message, 'Write the path without them');
  }
  const { location } = named;
  const inner =
    location.kind === 'file'
      ? { ...location, path: `${location.path}/${below}` }
      : { ...location, prefix: `${location.prefix}${below}/` };
  return { ...named, location: inner };
}

function unknown(name: string, config: Config | undefined): DrydockError {
  const known = [...(config?.locations.keys() ?? [])];
  const all = `Locations are ${known.join(', ') || 'none'}; or write a URL`;
  const near = didYouMean(name, known);
  const message = `Cannot use "${name}": the configuration has no such location`;
  return usage('LOCATION_UNKNOWN', message, near === undefined ? all : `${near} ${all}`);
}

function usage(code: string, message: string, hint: string): DrydockError {
  return new DrydockError('usage', code, message, { hint });
}
