import { placeOf, reference } from './access.ts';
import type { NamedLocation, Place } from './config.ts';
import {
  type AccessEntry,
  type LocationEntry,
  locationSchema,
  type RouteEntry,
  routeSchema,
  stateSchema,
} from './schema.ts';

export interface RoutePart {
  readonly index: number;
  readonly entry: RouteEntry;
  readonly source: NamedLocation | undefined;
  readonly target: NamedLocation | undefined;
}

/** The parts of the file that are right by themselves, also where others are not. */
export interface Parts {
  readonly state: Place | undefined;
  readonly entries: ReadonlyMap<string, LocationEntry>;
  readonly locationNames: readonly string[];
  readonly locations: ReadonlyMap<string, NamedLocation>;
  readonly routes: readonly RoutePart[];
  readonly stateEntry: AccessEntry | undefined;
}

export function partsOf(value: unknown): Parts {
  const root = isRecord(value) ? value : {};
  const named = isRecord(root['locations']) ? root['locations'] : {};
  const entries = new Map<string, LocationEntry>();
  const locations = new Map<string, NamedLocation>();
  for (const [name, raw] of Object.entries(named)) {
    const entry = locationSchema.safeParse(raw).data;
    if (entry === undefined) continue;
    entries.set(name, entry);
    const password = reference(entry.repositoryPassword);
    locations.set(name, {
      ...placeOf(entry),
      name,
      layout: entry.layout,
      ...(password !== undefined && { repositoryPassword: password }),
    });
  }
  const replicate = isRecord(root['replicate']) ? root['replicate'] : {};
  const list: readonly unknown[] = Array.isArray(replicate['routes']) ? replicate['routes'] : [];
  const routes = list.flatMap((raw, index): RoutePart[] => {
    const entry = routeSchema.safeParse(raw).data;
    if (entry === undefined) return [];
    const [source, target] = [locations.get(entry.source), locations.get(entry.target)];
    return [{ index, entry, source, target }];
  });
  const parsed = stateSchema.safeParse(root['state']).data;
  const stateEntry = typeof parsed === 'string' ? { url: parsed } : parsed;
  const state = stateEntry === undefined ? undefined : placeOf(stateEntry);
  return { state, stateEntry, entries, locationNames: Object.keys(named), locations, routes };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
