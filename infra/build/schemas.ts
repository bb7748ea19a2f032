/**
 * Writes docs/schemas/*.schema.json: what the JSON output of the command line is held to. Within one
 * `schema` of a document fields are added, never renamed or removed: readers pass over what they do
 * not know.
 *
 *     node infra/build/schemas.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { SEVERITIES } from '../../shared/model/finding.ts';
import { RUNGS } from '../../shared/model/rung.ts';

const FOLDER = join(import.meta.dirname, '../../docs/schemas');

const said = (description: string) => z.string().meta({ description });
const time = (description: string) => z.string().meta({ description, format: 'date-time' });
const count = (description: string) => z.int().min(0).meta({ description });
const hours = (description: string) => z.number().meta({ description });

const finding = z
  .object({
    code: said('Of the catalogue in docs/findings.md; never changes its meaning'),
    severity: z.enum(SEVERITIES),
    subject: said('What it is about; with the code the identity of the finding'),
    message: z.string(),
    hint: said('The exact next command or setting'),
    evidence: z
      .record(z.string(), z.union([z.string(), z.number(), z.array(z.string())]))
      .optional(),
  })
  .meta({ id: 'Finding' });

const findings = z.array(finding);

const rung = z.enum(RUNGS).meta({ description: 'Ascending: what is known of a recovery point' });

const point = z.object({
  point: said('Name of the backup, or id of the Kopia snapshot'),
  takenAt: time('The moment that a restore leads back to'),
  rung,
  provenAt: time('When it was last shown to stand there').optional(),
  expiresAt: time('When Velero may remove it').optional(),
});

const ladderRow = z.object({
  application: z.string(),
  location: z.string(),
  class: z.string().optional(),
  namespaces: z.array(z.string()),
  rpoHours: hours('How old the newest proven point may get'),
  breachAfterHours: hours('When that counts as a breach'),
  points: count('Recovery points of the application here, whatever their rung'),
  newest: point.optional(),
  byRung: z
    .partialRecord(rung, point)
    .meta({ description: 'The newest point on or above each rung' }),
  proven: point.optional().meta({ description: 'The newest point that counts as proven' }),
  why: z.array(z.string()).meta({ description: 'Why the newest point is not proven' }),
});

const ladder = z
  .object({
    location: z.string(),
    url: z.string(),
    checkedAt: time('When the run looked'),
    runId: z.string(),
    rows: z.array(ladderRow),
    unchecked: z.array(z.string()).meta({ description: 'Witnesses that could not be asked' }),
  })
  .meta({ id: 'Ladder' });

const verdict = z.union([
  z.object({ kind: z.literal('verified'), subject: z.string() }),
  z.object({ kind: z.literal('damaged'), subject: z.string(), findings }),
  z.object({ kind: z.literal('unchecked'), subject: z.string(), reason: z.string() }),
]);

const failure = z.object({
  subject: said('What could not be looked at: a URL').optional(),
  code: z.string(),
  failure: z.enum(['usage', 'operation', 'refused']),
  message: z.string(),
  hint: z.string(),
});

export const reportSchema = z
  .object({
    schema: z.literal('drydock/report/v1'),
    run: z.object({
      job: said('replicate, verify, kopia-verify, evidence-verify'),
      id: said('Unique per run'),
      version: said('Of Drydock'),
      startedAt: time('When the run began'),
      finishedAt: time('When it ended'),
      dryRun: z.boolean().meta({ description: 'Nothing was written' }),
    }),
    scope: z.record(z.string(), z.string()).meta({ description: 'What the run looked at' }),
    verdicts: z.array(verdict),
    findings,
    actions: z.array(
      z.object({
        kind: said('copy, replace, remove'),
        subject: z.string(),
        what: z.string(),
        objects: count('How many'),
        sizeBytes: count('Of all of them'),
      }),
    ),
    measures: z
      .record(z.string(), z.number())
      .meta({ description: 'Numbers with their unit last in the name' }),
    unfinished: z
      .object({ reason: z.string() })
      .optional()
      .meta({ description: 'Present when the run stopped before its work was done' }),
    errors: z.array(failure).optional(),
    ladders: z.array(ladder).optional().meta({ description: 'Of verify' }),
    costs: z
      .object({
        pricesAsOf: said('Month of the list prices'),
        requestsUsd: z.number(),
        egressUsd: z.number().meta({ description: 'In addition outside the region' }),
      })
      .optional()
      .meta({ description: 'Of a dry run of verify: roughly' }),
  })
  .meta({ title: 'Drydock: the report of a run' });

const agedPoint = point.extend({ ageHours: hours('Age at the time of asking') });

export const statusSchema = z
  .object({
    schema: z.literal('drydock/status/v1'),
    at: time('When it was asked'),
    state: said('URL without credentials'),
    rows: z.array(
      z.object({
        application: z.string(),
        location: z.string(),
        url: z.string(),
        class: z.string().optional(),
        namespaces: z.array(z.string()),
        points: count('Recovery points here, whatever their rung'),
        newest: agedPoint.optional(),
        proven: agedPoint.optional(),
        rpoHours: hours('How old the newest proven point may get'),
        breachAfterHours: hours('When that counts as a breach'),
        verdict: z.enum(['within-rpo', 'over-rpo', 'breached', 'unproven']),
        why: z.array(z.string()).meta({ description: 'Why the newest point is not proven' }),
        checkedAt: time('When verify last looked'),
      }),
    ),
    locations: z.array(
      z.object({
        location: z.string(),
        url: z.string(),
        checkedAt: time('Absent: no run has looked at it').optional(),
        checkedHoursAgo: hours('Since then').optional(),
        isStale: z.boolean().meta({ description: 'Never checked, or too long ago' }),
        isConfigured: z.boolean().meta({ description: 'Rows of others are left out' }),
        unchecked: z.array(z.string()).meta({ description: 'Witnesses that could not be asked' }),
      }),
    ),
    notCovered: z.array(z.string()).meta({ description: 'What no backup of a cluster holds' }),
  })
  .meta({ title: 'Drydock: the ladder as the ledger knows it' });

const completeness = z.enum(['complete', 'unfinished', 'debris']);

export const veleroBackupsSchema = z
  .object({
    schema: z.literal('drydock/velero-backups/v1'),
    location: z.string(),
    backups: z.array(
      z.object({
        backup: said('Name of the folder below backups/'),
        completeness,
        incompleteReason: z.string().optional(),
        isWhole: z.boolean().meta({ description: 'Every artefact is there and can be read' }),
        phase: z.string().optional(),
        schedule: z.string().optional(),
        startedAt: time('The moment that a restore leads back to').optional(),
        completedAt: time('When Velero was done with it').optional(),
        expiresAt: time('When Velero may remove it').optional(),
        items: count('Kubernetes objects, as Velero counts them').optional(),
        errors: count('Of the status').optional(),
        warnings: count('Of the status').optional(),
        volumes: z.record(z.string(), count('Volumes')).meta({ description: 'By method' }),
        objects: count('In the folder'),
        sizeBytes: count('Of all of them'),
        findings: z.record(z.string(), count('Findings')).meta({ description: 'By severity' }),
      }),
    ),
  })
  .meta({ title: 'Drydock: the Velero backups of a location' });

export const veleroShowSchema = z
  .object({
    schema: z.literal('drydock/velero-show/v1'),
    location: z.string(),
    checks: z.int().meta({ description: 'Version of the checks that found this' }),
    backup: said('Name of the folder below backups/'),
    lookedAt: time('When it was read'),
    completeness,
    incompleteReason: z.string().optional(),
    resource: z
      .object({
        name: z.string(),
        uid: z.string(),
        phase: z.string(),
        meaning: said('ended, at-work, never-stored, none, unknown'),
        schedule: z.string().optional(),
        createdAt: time('Of the resource').optional(),
        startedAt: time('The moment that a restore leads back to').optional(),
        completedAt: time('When Velero was done with it').optional(),
        expiresAt: time('When Velero may remove it').optional(),
        kubernetesVersion: z.string().optional(),
        errors: count('Of the status'),
        warnings: count('Of the status'),
        hooksFailed: count('Of the status'),
        items: count('Kubernetes objects, as Velero counts them').optional(),
        includedNamespaces: z.array(z.string()),
        excludedNamespaces: z.array(z.string()),
        hasSelector: z.boolean(),
        itemOperationTimeoutMs: count('Where it is set').optional(),
      })
      .optional()
      .meta({ description: 'Of velero-backup.json' }),
    objects: z.array(
      z.object({
        key: z.string(),
        sizeBytes: count('As stored'),
        etag: z.string(),
        lastModified: time('As the store says'),
        storageClass: z.string().optional(),
        sha256: said('Hex; absent when it was not read').optional(),
      }),
    ),
    contents: z
      .object({
        objects: count('Kubernetes objects'),
        secrets: count('Of them Secrets'),
        inflatedSizeBytes: count('Of the tarball'),
        namespaces: z.array(z.object({ name: z.string(), objects: count('Kubernetes objects') })),
        claims: z.array(
          z.object({
            namespace: z.string(),
            name: z.string(),
            labels: z.array(z.tuple([z.string(), z.string()])),
            isBound: z.boolean(),
          }),
        ),
        isCut: z.boolean().meta({ description: 'Absence proves nothing' }),
      })
      .optional()
      .meta({ description: 'Of the tarball' }),
    volumes: z.array(
      z.object({
        id: z.string(),
        claim: z.object({ namespace: z.string(), name: z.string() }).optional(),
        method: said('native, csi, data-mover, fs-backup, skipped, unknown, none'),
        handle: said('Of the cloud snapshot, or of the Kopia snapshot manifest').optional(),
        result: said('succeeded, failed, unfinished, empty'),
        sizeBytes: count('Of its data').optional(),
        driver: z.string().optional(),
        repositoryNamespace: z.string().optional(),
        zone: z.string().optional(),
        reason: z.string().optional(),
      }),
    ),
    unreadVolumeLists: z.array(z.string()),
    errors: z
      .object({
        velero: count('Texts'),
        cluster: count('Texts'),
        namespaces: z.array(z.object({ name: z.string(), errors: count('Texts') })),
      })
      .optional(),
    isWhole: z.boolean().meta({ description: 'Every artefact is there and can be read' }),
    findings,
  })
  .meta({ title: 'Drydock: one Velero backup' });

export const veleroSlotsSchema = z
  .object({
    schema: z.literal('drydock/velero-slots/v1'),
    location: z.string(),
    from: z.enum(['cluster', 'configuration']).meta({ description: 'Who says what is expected' }),
    source: z.string(),
    serverVersion: said('Of Velero').optional(),
    since: time('Slots before that are not judged'),
    at: time('When it was asked'),
    schedules: z.array(
      z.object({
        name: z.string(),
        expression: said('As written'),
        dialect: said('The Go library that reads it: robfig-1, robfig-3, go-cron'),
        isPaused: z.boolean(),
        problem: z.string().optional(),
        isTruncated: z.boolean(),
        nextDue: time('When the next backup is due').optional(),
        slots: z.array(
          z.object({
            due: time('By the schedule'),
            verdict: said('pending, met, late, queued, running, stuck, missed, lost, skipped'),
            reason: said('Why not met'),
            backup: z.string().optional(),
            phase: z.string().optional(),
            takenAfterMs: z.number().optional(),
            startedAfterMs: z.number().optional(),
            heldBackBy: said('The backup before it').optional(),
          }),
        ),
      }),
    ),
    outside: z.array(
      z.object({
        backup: z.string(),
        schedule: z.string().optional(),
        reason: said('manual, unknown-schedule, earlier, between-slots'),
      }),
    ),
    findings,
  })
  .meta({ title: 'Drydock: the slots of the schedules of a location' });

export const evidenceTrimSchema = z
  .object({
    schema: z.literal('drydock/evidence-trim/v1'),
    state: said('URL of the state'),
    dryRun: z.boolean(),
    keepFrom: time('Records from before that go'),
    chains: z.array(
      z.object({
        folder: said('Of the chain, in the state'),
        job: z.string(),
        location: said('Which the chain is about; absent where nothing says so').optional(),
        records: count('Removed, or with `dryRun` to be removed'),
        kept: count('Records that the store would not remove'),
        error: z
          .object({ code: z.string(), failure: z.string(), message: z.string(), hint: z.string() })
          .meta({ description: 'Why the chain was left alone' })
          .optional(),
      }),
    ),
    unfinished: z.object({ reason: z.string() }).optional(),
  })
  .meta({ title: 'Drydock: what a trim of evidence removed' });

/** By the name of the file, without `.schema.json`. */
export const SCHEMAS = {
  report: reportSchema,
  status: statusSchema,
  'velero-backups': veleroBackupsSchema,
  'velero-show': veleroShowSchema,
  'velero-slots': veleroSlotsSchema,
  'evidence-trim': evidenceTrimSchema,
} as const;

/** The text of each file. A document may have more fields than its schema names. */
export function schemaFiles(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(SCHEMAS).map(([name, schema]) => {
      const text = JSON.stringify(z.toJSONSchema(schema, { io: 'input' }), undefined, 2);
      return [`${name}.schema.json`, `${text}\n`];
    }),
  );
}

if (import.meta.main) {
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, text] of schemaFiles()) writeFileSync(join(FOLDER, name), text);
}
