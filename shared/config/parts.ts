import type { z } from 'zod';
import { placeOf } from './access.ts';
import type { NamedLocation, Place } from './config.ts';
import { namedLocation } from './named-location.ts';
import { type LocationEntry, locationSchema, type RouteEntry, routeSchema } from './schema.ts';
import { type ClusterEntry, clusterSchema } from './schema-clusters.ts';
import { type AccessEntry, accessEntry, stateSchema } from './schema-parts.ts';
import {
  type ApplicationEntry,
  applicationSchema,
  type ClassEntry,
  classSchema,
  type ScheduleEntry,
  scheduleSchema,
  type VerifyEntry,
  verifySchema,
} from './schema-protect.ts';

export interface RoutePart {
  readonly index: number;
  readonly entry: RouteEntry;
  readonly source: NamedLocation | undefined;
  readonly target: NamedLocation | undefined;
}

/** An entry of a list, and where it stands there. */
export interface Listed<T> {
  readonly index: number;
  readonly entry: T;
}

/** Entries by name: those that are right by themselves, and the names of all. */
export interface Named<T> {
  readonly names: readonly string[];
  readonly entries: ReadonlyMap<string, T>;
}

/** The parts of the file that are right by themselves, also where others are not. */
export interface Parts {
  readonly state: Place | undefined;
  readonly stateEntry: AccessEntry | undefined;
  readonly clusters: Named<ClusterEntry>;
  readonly classes: Named<ClassEntry>;
  readonly entries: Named<LocationEntry>;
  readonly locations: ReadonlyMap<string, NamedLocation>;
  readonly applications: readonly Listed<ApplicationEntry>[];
  readonly unprotected: readonly string[];
  readonly schedules: readonly Listed<ScheduleEntry>[];
  readonly verify: VerifyEntry | undefined;
  readonly routes: readonly RoutePart[];
}

export function partsOf(value: unknown): Parts {
  const root = record(value);
  const entries = named(root['locations'], locationSchema);
  const locations = new Map(
    [...entries.entries].map(([name, entry]) => [name, namedLocation(name, entry)]),
  );
  const stated = stateSchema.safeParse(root['state']).data;
  const stateEntry = stated === undefined ? undefined : accessEntry(stated);
  const protect = record(root['protect']);
  const unprotected = protect['unprotected'];
  return {
    state: stateEntry === undefined ? undefined : placeOf(stateEntry),
    stateEntry,
    clusters: named(root['clusters'], clusterSchema),
    classes: named(root['classes'], classSchema),
    entries,
    locations,
    applications: listed(protect['applications'], applicationSchema),
    unprotected: Array.isArray(unprotected) ? unprotected.filter(isString) : [],
    schedules: listed(record(root['verify'])['schedules'], scheduleSchema),
    verify: verifySchema.safeParse(root['verify'] ?? {}).data,
    routes: listed(record(root['replicate'])['routes'], routeSchema).map((route) => ({
      ...route,
      source: locations.get(route.entry.source),
      target: locations.get(route.entry.target),
    })),
  };
}

function named<T>(value: unknown, schema: z.ZodType<T>): Named<T> {
  const all = Object.entries(record(value));
  const entries = all.flatMap(([name, raw]): (readonly [string, T])[] => {
    const entry = schema.safeParse(raw).data;
    return entry === undefined ? [] : [[name, entry]];
  });
  return { names: all.map(([name]) => name), entries: new Map(entries) };
}

function listed<T>(value: unknown, schema: z.ZodType<T>): readonly Listed<T>[] {
  const all: readonly unknown[] = Array.isArray(value) ? value : [];
  return all.flatMap((raw, index): Listed<T>[] => {
    const entry = schema.safeParse(raw).data;
    return entry === undefined ? [] : [{ index, entry }];
  });
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}
