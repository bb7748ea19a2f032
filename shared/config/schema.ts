import * as z from 'zod';
import { clusterSchema } from './schema-clusters.ts';
import {
  access,
  duration,
  guid,
  locationUrl,
  name,
  region,
  roleArn,
  secret,
  stateSchema,
} from './schema-parts.ts';
import { classSchema, protectSchema, verifySchema } from './schema-protect.ts';

/** Only the shape of the file: what its parts mean together is checked by `load.ts`. */

const snapshotsSchema = z.strictObject({
  aws: z
    .strictObject({
      account: z
        .string()
        .regex(/^\d{12}$/, { error: 'must be the 12 digits of an AWS account' })
        .meta({ description: 'The AWS account, 12 digits in quotes', examples: ['111122223333'] }),
      region: region.meta({ description: 'The region of the snapshots' }),
      roleArn: roleArn.optional().meta({
        description: 'The IAM role that may look at snapshots; by default that of the location',
      }),
      endpoint: z
        .string()
        .regex(/^https?:\/\/[^/?#@\s]+\/?$/, { error: 'must be an http or https address' })
        .optional()
        .meta({ description: 'Of EC2 and STS, for emulators only' }),
    })
    .optional()
    .meta({ description: 'EBS snapshots of one account and region' }),
  azure: z
    .strictObject({
      subscription: guid.meta({ description: 'The id of the Azure subscription' }),
      region: z
        .string()
        .regex(/^[a-z0-9]{1,40}$/, { error: 'must be an Azure region, like westeurope' })
        .optional()
        .meta({ description: 'The region of the snapshots, like westeurope' }),
    })
    .optional()
    .meta({ description: 'Managed-disk snapshots of one subscription' }),
});

const STORAGE_ACCOUNT_ID =
  /^\/subscriptions\/[0-9a-fA-F-]{36}\/resourceGroups\/[^/\s]{1,90}\/providers\/Microsoft\.Storage\/storageAccounts\/[a-z0-9]{3,24}$/;

export const locationSchema = z
  .strictObject({
    url: locationUrl,
    layout: z
      .enum(['velero', 'kopia'])
      .default('velero')
      .meta({ description: 'A Velero root with backups/ and kopia/, or one Kopia repository' }),
    repositoryPassword: secret.optional().meta({
      description:
        "The password of the Kopia repositories here; without it Velero's default is tried",
    }),
    cluster: name.optional().meta({ description: 'The cluster whose Velero writes here' }),
    snapshots: snapshotsSchema.optional().meta({
      description: 'Where cloud snapshots can be used for restores from this location',
    }),
    interval: duration.optional().meta({
      description: 'Layout kopia: how often each source takes a snapshot, like 24h',
    }),
    storageAccountId: z
      .string()
      .regex(STORAGE_ACCOUNT_ID, { error: 'must be the resource id of a storage account' })
      .optional()
      .meta({
        description: 'Azure: the resource id of the storage account, whose settings are then read',
      }),
    ...access,
  })
  .meta({ description: 'A bucket, container or folder that holds backups' });

export const routeSchema = z
  .strictObject({
    name: name.meta({ description: 'What reports call the route' }),
    source: name.meta({ description: 'The name of a location: only ever read' }),
    target: name.meta({ description: 'The name of a location: the replica' }),
    concurrency: z
      .int()
      .min(1)
      .max(256)
      .optional()
      .meta({ description: 'Objects under way at once (default 16)' }),
  })
  .meta({ description: 'One source, one target' });

export const configSchema = z
  .strictObject({
    version: z.literal(1).meta({ description: 'The version of this format' }),
    state: stateSchema
      .optional()
      .meta({ description: 'Where Drydock keeps what it remembers; never inside a backup root' }),
    clusters: z
      .record(name, clusterSchema)
      .optional()
      .meta({ description: 'Kubernetes clusters whose Velero can be asked, by name' }),
    locations: z
      .record(name, locationSchema)
      .meta({ description: 'Buckets, containers and folders that hold backups, by name' }),
    classes: z
      .record(name, classSchema)
      .optional()
      .meta({ description: 'Classes of applications, by name' }),
    protect: protectSchema
      .optional()
      .meta({ description: 'What has to be restorable, and what need not be' }),
    verify: verifySchema.optional().meta({ description: 'How backups are verified' }),
    replicate: z
      .strictObject({ routes: z.array(routeSchema).meta({ description: 'What is copied where' }) })
      .optional()
      .meta({ description: 'Replication between locations' }),
    events: z
      .strictObject({
        bus: z
          .string()
          .regex(/^(?:arn:aws[a-z-]*:events:[\w-]+:\d{12}:event-bus\/)?[\w./-]{1,256}$/, {
            error: 'must be the name or the ARN of an EventBridge bus',
          })
          .meta({ description: 'Name or ARN of the bus that gets the summary of each run' }),
        region: region
          .optional()
          .meta({ description: 'The region of the bus; by default that of the function' }),
      })
      .optional()
      .meta({ description: 'Amazon EventBridge: own automation on the results' }),
  })
  .meta({ title: 'Drydock configuration' });

export type LocationEntry = z.output<typeof locationSchema>;
export type RouteEntry = z.output<typeof routeSchema>;

/** What editors complete and check `drydock.yaml` by; published as `docs/drydock.schema.json`. */
export function configJsonSchema(): JsonSchema {
  return z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema;
}

/** As much of JSON Schema as is needed to look up what a place of the document takes. */
export interface JsonSchema {
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

/** The keys that may stand at `path`; empty where names are free. */
export function keysAt(path: readonly PropertyKey[]): readonly string[] {
  return schemasAt(path).flatMap((place) => Object.keys(place.properties ?? {}));
}

/** A value that may stand at `path`, where the schema shows one. */
export function exampleAt(path: readonly PropertyKey[]): unknown {
  return schemasAt(path).flatMap((place) => place.examples ?? [])[0];
}

function schemasAt(path: readonly PropertyKey[]): readonly JsonSchema[] {
  let places: readonly JsonSchema[] = [configJsonSchema()];
  for (const step of path) {
    places = places.flatMap(variants).flatMap((place) => {
      if (typeof step === 'number') return place.items ?? [];
      const next = place.properties?.[String(step)] ?? place.additionalProperties;
      return typeof next === 'object' ? next : [];
    });
  }
  return places.flatMap(variants);
}

function variants(place: JsonSchema): readonly JsonSchema[] {
  return place.anyOf ?? [place];
}
