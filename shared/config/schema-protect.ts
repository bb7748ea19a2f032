import * as z from 'zod';
import { VERIFY_DEFAULTS } from './config.ts';
import { KEY_FORMS, parseKeyReference } from './key-reference.ts';
import { duration, name, stateSchema } from './schema-parts.ts';

export const classSchema = z
  .strictObject({
    rpo: duration.optional().meta({
      description: 'The proven age at which the recovery point objective is missed, like 6h',
    }),
    rto: duration.optional().meta({ description: 'How long a restore may take, like 1h' }),
  })
  .meta({ description: 'What applications of one class have in common' });

const labelValue = z
  .string()
  .regex(/^(?:[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?)?$/, {
    error: 'must be the value of a Kubernetes label',
  })
  .meta({ description: 'The value that the label has', examples: ['crm'] });

const labelKey = z
  .string()
  .regex(/^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?$/, {
    error: 'must be the key of a Kubernetes label',
  })
  .meta({ description: 'The key of a Kubernetes label' });

export const applicationSchema = z
  .strictObject({
    name: name.meta({ description: 'What reports call it' }),
    namespaces: z
      .array(name)
      .min(1)
      .optional()
      .meta({ description: 'Namespaces that have to be restorable together' }),
    labels: z.record(labelKey, labelValue).optional().meta({
      description:
        'Only claims and objects with all of these labels; in any namespace where none is named',
    }),
    class: name.optional().meta({ description: 'The name of a class' }),
    rpo: duration
      .optional()
      .meta({ description: 'By default that of the class, else "rpo" of "verify"' }),
    rto: duration.optional().meta({ description: 'By default that of the class' }),
    locations: z
      .array(name)
      .min(1)
      .optional()
      .meta({ description: 'Locations that must hold it (default: all of layout velero)' }),
  })
  .meta({ description: 'What has to be restorable together' });

export const protectSchema = z.strictObject({
  applications: z
    .array(applicationSchema)
    .min(1)
    .optional()
    .meta({ description: 'By default each namespace with persistent volume claims is one' }),
  unprotected: z
    .array(name)
    .optional()
    .meta({ description: 'Namespaces that need no backup, and about which nothing is said' }),
});

export const scheduleSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, {
        error: 'must be the name of a Velero schedule',
      })
      .meta({ description: 'The name of the Velero schedule' }),
    location: name.meta({ description: 'The name of the location that its backups go to' }),
    cron: z
      .string()
      .max(200)
      .refine(looksLikeCron, {
        error: 'must be five fields, like "0 3 * * *", or a word like @daily',
      })
      .meta({ description: 'As in the Schedule', examples: ['0 3 * * *', '@every 6h'] }),
    ttl: duration.optional().meta({ description: 'How long its backups are kept, like 720h' }),
  })
  .meta({ description: 'A schedule that is expected although no cluster can be asked' });

/** The form alone: what the fields may hold depends on the version of the server. */
function looksLikeCron(text: string): boolean {
  const rest = text.replace(/^(?:CRON_)?TZ=\S+ +/, '').trim();
  return /^@(?:[a-z]+|every \S+)$/.test(rest) || rest.split(/\s+/).length === 5;
}

const signingKey = z.string().superRefine((text, context) => {
  if (parseKeyReference(text) !== undefined) return;
  const message = 'must be a reference to a key, never the key itself';
  context.addIssue({ code: 'custom', message, params: { hint: `Write ${KEY_FORMS}` } });
});

const days = z.int().min(1).max(3650);

export const verifySchema = z.strictObject({
  rpo: duration
    .prefault('24h')
    .meta({ description: 'The recovery point objective of applications that state none' }),
  contentDays: days
    .default(VERIFY_DEFAULTS.contentDays)
    .meta({ description: 'All stored data is read again within so many days' }),
  proofDays: days
    .default(VERIFY_DEFAULTS.proofDays)
    .meta({ description: 'Days that a proof counts; at least contentDays' }),
  keepPoints: z.int().min(1).max(1000).default(VERIFY_DEFAULTS.keepPoints).meta({
    description: 'Good recovery points that must be left after the next garbage collection',
  }),
  anomaly: z
    .strictObject({
      fallPercent: z
        .int()
        .min(1)
        .max(99)
        .default(VERIFY_DEFAULTS.anomaly.fallPercent)
        .meta({ description: 'A fall of items or bytes by more than so many percent' }),
      backups: z
        .int()
        .min(2)
        .max(100)
        .default(VERIFY_DEFAULTS.anomaly.backups)
        .meta({ description: 'Backups whose median it is compared with' }),
    })
    .default(VERIFY_DEFAULTS.anomaly)
    .meta({ description: 'When a backup is suspiciously small' }),
  allowRetrieval: z.boolean().default(VERIFY_DEFAULTS.allowRetrieval).meta({
    description: 'Also reads data in storage classes that charge for each read',
  }),
  schedules: z.array(scheduleSchema).optional().meta({
    description: 'Schedules that are expected although no cluster can be asked',
  }),
  signingKey: signingKey.optional().meta({
    description: `The key that signs evidence and first sights: ${KEY_FORMS}`,
    examples: ['env:DRYDOCK_SIGNING_KEY'],
  }),
  witnessState: stateSchema.optional().meta({
    description: 'A second place for first sights of backups, best in another account',
  }),
});

export type ClassEntry = z.output<typeof classSchema>;
export type ApplicationEntry = z.output<typeof applicationSchema>;
export type ProtectEntry = z.output<typeof protectSchema>;
export type ScheduleEntry = z.output<typeof scheduleSchema>;
export type VerifyEntry = z.output<typeof verifySchema>;
