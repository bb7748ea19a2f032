import { z } from 'zod';
import { DrydockError } from '../model/errors.ts';
import { LOCATION_FORMS, parseLocationUrl } from './location.ts';
import { parseSecretReference, SECRET_FORMS } from './secret.ts';

/** Only the shape of the file: what its parts mean together is checked by `load.ts`. */

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const NAME_RULE = 'lower-case letters, digits and hyphens, at most 63';

const name = z
  .string()
  .regex(NAME, { error: `must consist of ${NAME_RULE}` })
  .meta({ description: `A name of ${NAME_RULE}` });

const locationUrl = z
  .string()
  .superRefine((text, context) => {
    try {
      parseLocationUrl(text);
    } catch (error) {
      if (!(error instanceof DrydockError)) throw error;
      context.addIssue({ code: 'custom', message: error.message, params: { hint: error.hint } });
    }
  })
  .meta({
    description: `Where it is: ${LOCATION_FORMS.join(', ')}`,
    examples: ['s3://acme-backups/velero?region=eu-central-1', 'azblob://acmebackups/velero'],
  });

const secret = z
  .string()
  .superRefine((text, context) => {
    if (parseSecretReference(text) !== undefined) return;
    const message = 'must be a reference to a secret, never the secret itself';
    const hint = `Write ${SECRET_FORMS}; no other kind of reference is supported yet`;
    context.addIssue({ code: 'custom', message, params: { hint } });
  })
  .meta({
    description: `A reference to a secret: ${SECRET_FORMS}`,
    examples: ['env:MINIO_SECRET'],
  });

const GUID = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;

const access = {
  roleArn: z
    .string()
    .regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/, {
      error: 'must be the ARN of a role, like arn:aws:iam::111122223333:role/drydock',
    })
    .optional()
    .meta({ description: 'S3: the IAM role to assume for this location' }),
  tenantId: z
    .string()
    .regex(GUID, { error: 'must be a GUID' })
    .optional()
    .meta({ description: 'Azure: the Entra tenant of the identity; goes with clientId' }),
  clientId: z
    .string()
    .regex(GUID, { error: 'must be a GUID' })
    .optional()
    .meta({ description: 'Azure: the client id of the identity; goes with tenantId' }),
  accessKeyId: secret
    .optional()
    .meta({ description: 'S3-compatible stores and emulators only: the access key id' }),
  secretAccessKey: secret
    .optional()
    .meta({ description: 'S3-compatible stores and emulators only: the secret access key' }),
  accountKey: secret
    .optional()
    .meta({ description: 'Azure Blob emulators only: the key of the account' }),
};

export const stateSchema = z.union([locationUrl, z.strictObject({ url: locationUrl, ...access })]);

export const locationSchema = z.strictObject({
  url: locationUrl,
  layout: z
    .enum(['velero', 'kopia'])
    .default('velero')
    .meta({ description: 'A Velero root with backups/ and kopia/, or one Kopia repository' }),
  repositoryPassword: secret.optional().meta({
    description:
      "The password of the Kopia repositories here; without it Velero's default is tried",
  }),
  ...access,
});

export const routeSchema = z.strictObject({
  name,
  source: name.meta({ description: 'The name of a location: only ever read' }),
  target: name.meta({ description: 'The name of a location: the replica' }),
  concurrency: z
    .int()
    .min(1)
    .max(256)
    .optional()
    .meta({ description: 'Objects under way at once (default 16)' }),
});

export const configSchema = z
  .strictObject({
    version: z.literal(1).meta({ description: 'The version of this format' }),
    state: stateSchema
      .optional()
      .meta({ description: 'Where Drydock keeps what it remembers; never inside a backup root' }),
    locations: z
      .record(name, locationSchema)
      .meta({ description: 'Buckets, containers and folders that hold backups, by name' }),
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
        region: z
          .string()
          .regex(/^[a-z0-9-]{1,40}$/, { error: 'must be a region, like eu-central-1' })
          .optional()
          .meta({ description: 'The region of the bus; by default that of the function' }),
      })
      .optional()
      .meta({ description: 'Amazon EventBridge: own automation on the results' }),
  })
  .meta({ title: 'Drydock configuration' });

export type LocationEntry = z.output<typeof locationSchema>;
export type RouteEntry = z.output<typeof routeSchema>;
export type AccessEntry = Omit<LocationEntry, 'layout' | 'repositoryPassword'>;

/** What editors complete and check `drydock.yaml` by; published as `docs/drydock.schema.json`. */
export function configJsonSchema(): JsonSchema {
  return z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema;
}

/** As much of JSON Schema as is needed to look up which keys a place of the document takes. */
export interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

/** The keys that may stand at `path`; empty where names are free. */
export function keysAt(path: readonly PropertyKey[]): readonly string[] {
  let places: readonly JsonSchema[] = [configJsonSchema()];
  for (const step of path) {
    places = places.flatMap(variants).flatMap((place) => {
      if (typeof step === 'number') return place.items ?? [];
      const next = place.properties?.[String(step)] ?? place.additionalProperties;
      return typeof next === 'object' ? next : [];
    });
  }
  return places.flatMap(variants).flatMap((place) => Object.keys(place.properties ?? {}));
}

function variants(place: JsonSchema): readonly JsonSchema[] {
  return place.anyOf ?? [place];
}
