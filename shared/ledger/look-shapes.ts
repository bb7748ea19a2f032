/** What a record must look like before anything is judged by it: every member that is read. */
import { type Finding, SEVERITIES } from '../model/finding.ts';
import type { Ladder, LadderPoint, LadderRow } from '../model/ladder.ts';
import { RUNGS, type Rung } from '../model/rung.ts';
import type {
  BackupFacts,
  BackupObject,
  ClaimFact,
  ContentsFacts,
  ErrorFacts,
  ResourceFacts,
  VolumeFact,
} from '../velero/checks/backup-facts.ts';
import { isSha256Hex } from './canonical.ts';
import type {
  GoneBackup,
  LocationLook,
  ProofMark,
  RepositoryLook,
  RepositorySnapshot,
  SeenSchedule,
} from './location-look.ts';
import {
  type Check,
  isFlag,
  isNumber,
  isText,
  isTime,
  listOf,
  mapOf,
  oneOf,
  optional,
  shapeOf,
} from './shape.ts';

const isVerdict = oneOf(['verified', 'damaged', 'unchecked']);
const areTexts = listOf(isText);

/** Shown and never reckoned with, so that a number that JSON could not write spoils no record. */
const isFact: Check = (value) =>
  value === null || isText(value) || isNumber(value) || areTexts(value);

const isFinding = shapeOf<Finding>({
  // A later Drydock may have found what this one has no name for.
  code: isText,
  severity: oneOf(SEVERITIES),
  subject: isText,
  message: isText,
  hint: isText,
  evidence: optional(mapOf(isFact)),
});

const isBackupObject = shapeOf<BackupObject>({
  key: isText,
  sizeBytes: isNumber,
  etag: isText,
  lastModified: isTime,
  storageClass: optional(isText),
  sha256: optional(isSha256Hex),
});

const isResource = shapeOf<ResourceFacts>({
  name: isText,
  uid: isText,
  phase: isText,
  meaning: oneOf(['ended', 'at-work', 'never-stored', 'none', 'unknown']),
  schedule: optional(isText),
  createdAt: optional(isTime),
  startedAt: optional(isTime),
  completedAt: optional(isTime),
  expiresAt: optional(isTime),
  kubernetesVersion: optional(isText),
  errors: isNumber,
  warnings: isNumber,
  hooksFailed: isNumber,
  items: optional(isNumber),
  includedNamespaces: areTexts,
  excludedNamespaces: areTexts,
  hasSelector: isFlag,
  itemOperationTimeoutMs: optional(isNumber),
});

const isLabel: Check = (value) =>
  Array.isArray(value) && value.length === 2 && isText(value[0]) && isText(value[1]);

const isContents = shapeOf<ContentsFacts>({
  objects: isNumber,
  secrets: isNumber,
  inflatedSizeBytes: isNumber,
  namespaces: listOf(
    shapeOf<{ name: string; objects: number }>({ name: isText, objects: isNumber }),
  ),
  claims: listOf(
    shapeOf<ClaimFact>({
      namespace: isText,
      name: isText,
      labels: listOf(isLabel),
      isBound: isFlag,
    }),
  ),
  isCut: isFlag,
});

const isVolume = shapeOf<VolumeFact>({
  id: isText,
  claim: optional(
    shapeOf<{ namespace: string; name: string }>({ namespace: isText, name: isText }),
  ),
  method: oneOf(['native', 'csi', 'data-mover', 'fs-backup', 'skipped', 'unknown', 'none']),
  handle: optional(isText),
  result: oneOf(['succeeded', 'failed', 'unfinished', 'empty']),
  sizeBytes: optional(isNumber),
  driver: optional(isText),
  repositoryNamespace: optional(isText),
  zone: optional(isText),
  reason: optional(isText),
});

const isErrors = shapeOf<ErrorFacts>({
  velero: isNumber,
  cluster: isNumber,
  namespaces: listOf(shapeOf<{ name: string; errors: number }>({ name: isText, errors: isNumber })),
});

const isBackupFacts = shapeOf<BackupFacts>({
  // What has none was looked at before there were any, and is looked at anew.
  checks: optional(isNumber),
  backup: isText,
  lookedAt: isTime,
  completeness: oneOf(['complete', 'unfinished', 'debris']),
  incompleteReason: optional(isText),
  resource: optional(isResource),
  objects: listOf(isBackupObject),
  contents: optional(isContents),
  volumes: listOf(isVolume),
  unreadVolumeLists: areTexts,
  errors: optional(isErrors),
  isWhole: isFlag,
  findings: listOf(isFinding),
});

export const isLocationLook = shapeOf<LocationLook>({
  location: isText,
  lookedAt: isTime,
  runId: isText,
  backups: listOf(isBackupFacts),
  gone: listOf(
    shapeOf<GoneBackup>({
      backup: isText,
      uid: isText,
      schedule: optional(isText),
      startedAt: optional(isTime),
      expiresAt: optional(isTime),
      lastSeenAt: isTime,
      missedAt: isTime,
      wasComplete: isFlag,
    }),
  ),
  schedules: listOf(
    shapeOf<SeenSchedule>({
      name: isText,
      expression: isText,
      isPaused: isFlag,
      from: isTime,
      until: isTime,
    }),
  ),
  marks: listOf(
    shapeOf<ProofMark>({
      application: isText,
      point: isText,
      rung: oneOf(RUNGS),
      outcome: oneOf(['proven', 'refuted']),
      provenAt: isTime,
      covers: optional(isText),
    }),
  ),
  tampered: listOf(isFinding),
});

export const isRepositoryLook = shapeOf<RepositoryLook>({
  prefix: isText,
  lookedAt: isTime,
  runId: isText,
  level: oneOf(['structure', 'content']),
  outcome: isVerdict,
  reason: optional(isText),
  snapshots: listOf(
    shapeOf<RepositorySnapshot>({
      id: isText,
      source: isText,
      startTime: isTime,
      verdict: isVerdict,
      isIncomplete: isFlag,
    }),
  ),
  contentProvenAt: optional(isTime),
  contentReadAt: optional(isTime),
  findings: listOf(isFinding),
});

const isLadderPoint = shapeOf<LadderPoint>({
  point: isText,
  takenAt: isTime,
  rung: oneOf(RUNGS),
  provenAt: optional(isTime),
  expiresAt: optional(isTime),
});

export const isLadder = shapeOf<Ladder>({
  location: isText,
  url: isText,
  checkedAt: isTime,
  runId: isText,
  rows: listOf(
    shapeOf<LadderRow>({
      application: isText,
      location: isText,
      class: optional(isText),
      namespaces: areTexts,
      rpoHours: isNumber,
      breachAfterHours: isNumber,
      points: isNumber,
      newest: optional(isLadderPoint),
      byRung: shapeOf<Record<Rung, LadderPoint>>({
        reported: optional(isLadderPoint),
        present: optional(isLadderPoint),
        intact: optional(isLadderPoint),
        restored: optional(isLadderPoint),
      }),
      proven: optional(isLadderPoint),
      why: areTexts,
    }),
  ),
  unchecked: areTexts,
});
