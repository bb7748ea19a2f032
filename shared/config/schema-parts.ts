import * as z from 'zod';
import { DrydockError } from '../model/errors.ts';
import { DURATION, durationMs } from './duration.ts';
import { LOCATION_FORMS, parseLocationUrl } from './location.ts';
import { parseSecretReference, SECRET_FORMS } from './secret.ts';

/** What several sections of the file are made of. */

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const NAME_RULE = 'lower-case letters, digits and hyphens, at most 63';

/** Names of Drydock's own and of Kubernetes namespaces: both follow one rule. */
export const name = z
  .string()
  .regex(NAME, { error: `must consist of ${NAME_RULE}` })
  .meta({ description: `A name of ${NAME_RULE}` });

export const locationUrl = z
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

export const secret = z
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

/** Milliseconds once read. */
export const duration = z
  .string()
  .regex(DURATION, { error: 'must be a duration above zero, like 90m, 24h or 7d' })
  .meta({ description: 'A duration, like 90m, 24h or 7d', examples: ['24h'] })
  .transform(durationMs);

export const guid = z.string().regex(/^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, {
  error: 'must be a GUID',
});

export const roleArn = z.string().regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/, {
  error: 'must be the ARN of a role, like arn:aws:iam::111122223333:role/drydock',
});

export const region = z
  .string()
  .regex(/^[a-z0-9-]{1,40}$/, { error: 'must be a region, like eu-central-1' });

/** Who Drydock is at a bucket or container. */
export const access = {
  roleArn: roleArn.optional().meta({ description: 'S3: the IAM role to assume for this location' }),
  tenantId: guid
    .optional()
    .meta({ description: 'Azure: the Entra tenant of the identity; goes with clientId' }),
  clientId: guid
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

const placeSchema = z.strictObject({ url: locationUrl, ...access });

export const stateSchema = z.union([locationUrl, placeSchema]);

export type AccessEntry = z.output<typeof placeSchema>;

/** A place of the file: a URL alone, or a map with one. */
export function accessEntry(entry: z.output<typeof stateSchema>): AccessEntry {
  return typeof entry === 'string' ? { url: entry } : entry;
}
