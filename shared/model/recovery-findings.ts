import type { FindingKind } from './finding.ts';

/** What the judgement of schedules and of recovery points over time can find. */
export const RECOVERY_FINDINGS = {
  SLOT_MISSED: {
    severity: 'error',
    title: 'Backups that were due were never made',
    meaning:
      'A schedule was due and Velero made no backup. Error while the newest slot is open, warning once a later one was answered',
    why: 'Velero does not catch up: whatever number of runs it missed, it makes one backup at the next poll, and nothing in the cluster records the others',
    fix: 'Look whether the server ran at that time ("kubectl -n velero get pods", "kubectl -n velero logs deployment/velero"), then make one now: "velero backup create --from-schedule <schedule>"',
  },
  SLOT_LATE: {
    severity: 'warning',
    title: 'Backups begin late',
    meaning:
      'A backup was made or begun minutes or hours after its schedule was due. Info once a later one began on time',
    why: 'What was written in between is in no backup yet; mostly backups wait for each other, since Velero makes one at a time by default',
    fix: 'Move schedules apart, or let the server make several at once: "--concurrent-backups" of "velero server" (Velero 1.18)',
  },
  SLOT_LOST: {
    severity: 'error',
    title: 'Backups were begun and lost',
    meaning:
      'Velero took a slot up, and no recovery point came of it: the backup failed, was refused, or never reached the store. Error while the newest slot is open, warning once a later one was answered',
    why: 'The schedule shows a fresh "last backup", and there is none that could be restored',
    fix: 'Run "velero backup describe <backup> --details" and "velero backup logs <backup>" for the backups named in the evidence; where there is no trace of one, the server was restarted while it ran',
  },
  SLOT_STUCK: {
    severity: 'error',
    title: 'Backups hang',
    meaning:
      'A backup stays in a phase for longer than Velero allows it, and will not end by itself',
    why: 'A backup in progress holds back all later ones of its schedule, and of a server that makes one at a time; one that is never finalized cannot be restored in another cluster',
    fix: 'Read "kubectl -n velero logs deployment/velero" for the backups named in the evidence. "kubectl -n velero rollout restart deployment/velero" marks what is in progress as Failed and lets the next one begin',
  },
  SCHEDULE_REFUSED: {
    severity: 'error',
    title: 'Velero refuses a schedule',
    meaning: 'The expression or the template of a schedule is not valid for its Velero server',
    why: 'A refused schedule stays in the cluster, looks like any other and makes no backups',
    fix: 'Correct what the message names: "kubectl -n velero edit schedules.velero.io <schedule>"; what an expression may hold differs between versions of Velero',
  },
  SCHEDULE_NEVER_DUE: {
    severity: 'error',
    title: 'A schedule never matches a time',
    meaning:
      'The expression is valid, and no time ever matches it, such as February 30 or "@none". Velero takes that for overdue',
    why: 'Such a schedule makes a backup at every poll, once a minute, instead of none',
    fix: 'Give it a time or pause it: "velero schedule pause <schedule>"',
  },
  SCHEDULE_PAUSED: {
    severity: 'warning',
    title: 'A schedule is paused',
    meaning: 'The schedule exists and makes no backups until somebody unpauses it',
    why: 'Pauses are forgotten; its old backups expire meanwhile, and Velero does not keep the last one',
    fix: 'Run "velero schedule unpause <schedule>" (one that is overdue begins at once), or delete the schedule if it is no longer wanted',
  },
  SCHEDULE_DELETED: {
    severity: 'warning',
    title: 'A schedule is gone',
    meaning: 'The store holds backups of a schedule that the cluster no longer has',
    why: 'Nobody makes the next backup of what it took, and the last one is removed when it expires',
    fix: 'Apply the schedule again if it was not meant to go; otherwise the finding ends when the last of its backups has expired, or is deleted with "velero backup delete --selector velero.io/schedule-name=<schedule>"',
  },
  SCHEDULE_UNKNOWN: {
    severity: 'info',
    title: 'Nobody says when backups are due',
    meaning:
      'No cluster could be asked for its schedules and none are configured, so that missed backups cannot be told',
    why: 'Only the age of what is there is judged; a schedule that stopped shows no earlier than the recovery point objective is breached',
    fix: 'Name the cluster in the configuration ("clusters:" and "cluster:" of the location), or say what is expected: "verify: { schedules: [{ name: daily, location: <location>, cron: 0 1 * * * }] }"',
  },
  RPO_BREACHED: {
    severity: 'critical',
    title: 'The newest proven recovery point is too old',
    meaning:
      'No recovery point of the application is both proven and younger than its objective, plus the usual duration of a backup, plus an hour',
    why: 'A restore today would lose more work than was agreed. Newer backups may be there: they are not known to be restorable',
    fix: 'If the newest point is old, make one: "velero backup create --from-schedule <schedule>". If it is young, mend what the message says it lacks and run "drydock verify" again',
  },
  NEVER_PROVEN: {
    severity: 'error',
    title: 'No recovery point is proven',
    meaning: 'The application has recovery points here, and none of them counts as proven',
    why: 'Their status may say Completed; nobody has seen that they could be restored',
    fix: 'Mend what the message names: damage and failed volumes by a new backup; a password or a witness that is missing by "repositoryPassword:", "snapshots:" or "cluster:" of the location; then "drydock verify --application <application>"',
  },
  APPLICATION_ABSENT: {
    severity: 'critical',
    title: 'An application has no backup',
    meaning: 'A location that must hold an application has no recovery point of it at all',
    why: 'If it were lost today, nothing could be restored from there',
    fix: 'Let a schedule take its namespaces: "velero schedule create <name> --schedule=\'0 1 * * *\' --include-namespaces <namespaces>"; or, if the location need not hold it, name the others under "locations:" of the application',
  },
  RETENTION_GAP: {
    severity: 'error',
    title: 'The last good backup expires before the next one',
    meaning:
      'Garbage collection would leave fewer proven recovery points than "verify.keepPoints" before the next backup is due and done',
    why: 'Velero removes what has expired even if it is the last good one; until the next backup has succeeded there would be nothing to restore from',
    fix: 'Keep backups for longer than two of their intervals: "spec.template.ttl" of the schedule. For those that are there already: "kubectl -n velero patch backups.velero.io <backup> --type merge -p \'{"status":{"expiration":"<time>"}}\'", which holds until the cluster forgets it, since the store keeps the old time',
  },
  POINT_EXPIRED_KEPT: {
    severity: 'warning',
    title: 'Expired backups are not removed',
    meaning: 'A backup has been expired for more than two days and is still in the store',
    why: 'Velero collects once an hour: it does not run, may not write to the location, or its deletions fail. Storage fills, and data is kept for longer than it was meant to be',
    fix: 'Run "kubectl -n velero get backups.velero.io -L velero.io/gc-failure" and "kubectl -n velero get deletebackuprequests.velero.io -o yaml"; a location that is read-only or locked refuses deletions',
  },
  BACKUP_SHRANK: {
    severity: 'warning',
    title: 'A backup is much smaller than those before',
    meaning:
      'Items, bytes of the tarball or bytes of volumes of the newest backup of a schedule fell by more than "verify.anomaly.fallPercent" against the median of those before it',
    why: 'A changed label, a lost permission or an excluded namespace makes Velero back up less, and call it Completed',
    fix: 'Compare "velero backup describe --details" of the backups named in the evidence. If the application really became smaller, the finding ends when the median has followed',
  },
  BACKUP_VANISHED: {
    severity: 'error',
    title: 'A backup disappeared before its end',
    meaning:
      'A backup that an earlier run saw is no longer in the store, although it had not expired. Critical when every complete backup of the location went with it; warning when it was never complete. Stays for 7 days',
    why: 'Somebody or something removes backups: a person, a lifecycle rule, a second cluster that collects garbage, ransomware. Velero then deletes its own record of them within a minute',
    fix: 'Ask who deleted it: a "velero backup delete <backup>" by hand cannot be told from other causes. Look at the access log and the lifecycle rules of the bucket; where it keeps versions, remove the delete markers below backups/<backup>/, that of velero-backup.json last',
  },
  BACKUP_REPLACED: {
    severity: 'error',
    title: 'Another backup stands under the same name',
    meaning:
      'A backup that an earlier run saw is gone before its end, and one with another uid has its name',
    why: 'Velero refuses to write a backup whose name is in the store: the first one was deleted, or somebody wrote over it',
    fix: 'Ask who deleted the first one; compare "metadata.uid" and the times in velero-backup.json with the evidence',
  },
} as const satisfies Readonly<Record<string, FindingKind>>;
