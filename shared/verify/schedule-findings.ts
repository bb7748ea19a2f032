import { type Finding, type FindingCode, finding, type Severity } from '../model/finding.ts';
import { shown } from '../velero/artefacts/json.ts';
import { counted, EXAMPLES_MAX, examplesOf, plain } from '../velero/checks/plain.ts';
import { parseCron } from '../velero/schedule/cron.ts';
import type { ScheduleFacts } from '../velero/schedule/schedule-resource.ts';
import type {
  JudgedSchedule,
  JudgedSchedules,
  JudgedSlot,
  SlotVerdict,
} from '../velero/schedule/slot-types.ts';
import { millisecondsText } from './figures.ts';
import { exactHint } from './hints.ts';
import type { ScheduleQuestion } from './schedules.ts';

interface Judged {
  readonly question: ScheduleQuestion;
  readonly judged: JudgedSchedules;
  readonly schedules: readonly ScheduleFacts[];
  /** Label values. */
  readonly deleted: readonly string[];
  readonly observed: readonly { readonly name: string; readonly intervalMs: number }[];
}

/** One finding for each schedule and code. */
export function scheduleFindings(judgement: Judged): readonly Finding[] {
  const { question, judged, schedules, deleted } = judgement;
  const facts = new Map([...schedules].reverse().map((each) => [each.name, each]));
  return [
    ...(question.from === 'observation' ? [unknown(judgement)] : []),
    ...judged.schedules.flatMap((each) => ofSchedule(each, facts.get(each.name), question)),
    ...deleted.map((label) => gone(label, question)),
  ];
}

function ofSchedule(
  judged: JudgedSchedule,
  facts: ScheduleFacts | undefined,
  question: ScheduleQuestion,
): readonly Finding[] {
  const subject = `${question.url} schedule ${plain(judged.name)}`;
  const findings: Finding[] = [];
  const { problem, isPaused } = judged;
  if (problem !== undefined) {
    const code = isNeverDue(judged, facts, question) ? 'SCHEDULE_NEVER_DUE' : 'SCHEDULE_REFUSED';
    const more = exactHint(code, { schedule: judged.name });
    findings.push(finding(code, subject, `Schedule ${shown(judged.name)}: ${problem}`, more));
  }
  if (isPaused) {
    const last = facts?.lastBackup?.toISOString();
    const since = last === undefined ? 'it never made a backup' : `its last backup is of ${last}`;
    const message = `Schedule ${shown(judged.name)} is paused; ${since}`;
    const more = exactHint('SCHEDULE_PAUSED', { schedule: judged.name });
    findings.push(finding('SCHEDULE_PAUSED', subject, message, more));
  }
  return [...findings, ...slotFindings(judged, subject)];
}

function isNeverDue(
  { dialect }: JudgedSchedule,
  facts: ScheduleFacts | undefined,
  { serverZone }: ScheduleQuestion,
): boolean {
  if (facts === undefined || facts.phase === 'FailedValidation') return false;
  return parseCron(facts.expression, dialect, serverZone).kind !== 'problem';
}

const SLOT_CODES: readonly {
  readonly verdict: SlotVerdict;
  readonly code: FindingCode;
  readonly what: string;
  /** Once a later slot was answered. */
  readonly afterwards: Severity;
}[] = [
  { verdict: 'missed', code: 'SLOT_MISSED', what: 'no backup was made', afterwards: 'warning' },
  { verdict: 'lost', code: 'SLOT_LOST', what: 'its backup was lost', afterwards: 'warning' },
  { verdict: 'stuck', code: 'SLOT_STUCK', what: 'its backup hangs', afterwards: 'warning' },
  { verdict: 'late', code: 'SLOT_LATE', what: 'its backup came late', afterwards: 'info' },
];
const DECIDED: ReadonlySet<SlotVerdict> = new Set(['met', 'late', 'missed', 'lost', 'stuck']);

function slotFindings({ name, slots, isTruncated }: JudgedSchedule, subject: string): Finding[] {
  const decided = slots.filter(({ verdict }) => DECIDED.has(verdict));
  const lastMet = decided.findLastIndex(({ verdict }) => verdict === 'met');
  const lastAnswered = decided.findLastIndex(
    ({ verdict }) => verdict === 'met' || verdict === 'late',
  );
  return SLOT_CODES.flatMap(({ verdict, code, what, afterwards }) => {
    const own = decided.filter((slot) => slot.verdict === verdict);
    const newest = own.at(-1);
    if (newest === undefined) return [];
    const isOver = decided.lastIndexOf(newest) < (verdict === 'late' ? lastMet : lastAnswered);
    const share =
      own.length === 1 ? '' : `; so it was ${own.length} times in ${decided.length} slots`;
    const again = isOver ? ', and later ones were answered' : '';
    const why = newest.reason === 'no backup' ? '' : `: ${newest.reason}`;
    const message = `Schedule ${shown(name)} was due at ${timeText(newest.due)} and ${what}${why}${share}${again}`;
    const evidence = {
      count: own.length,
      judgedSlots: decided.length,
      slots: own.slice(-EXAMPLES_MAX).map(slotText),
      ...(isTruncated ? { note: 'there were more slots than are judged: the newest count' } : {}),
    };
    const hint = exactHint(code, { schedule: name, backup: newest.backup });
    const severity = isOver ? { severity: afterwards } : {};
    return [finding(code, subject, message, { ...severity, ...hint, evidence })];
  });
}

function slotText({ due, backup, phase, reason, heldBackBy }: JudgedSlot): string {
  const parts = [
    reason,
    ...(backup === undefined
      ? []
      : [`${plain(backup)}${phase === undefined ? '' : ` (${plain(phase)})`}`]),
    ...(heldBackBy === undefined ? [] : [`held back by ${heldBackBy}`]),
  ];
  return `${timeText(due)}: ${parts.join(', ')}`;
}

/** Slots fall on full seconds. */
function timeText(time: Date): string {
  return time.toISOString().replace('.000Z', 'Z');
}

function gone(label: string, { url, facts }: ScheduleQuestion): Finding {
  const own = facts.flatMap(({ backup, resource }) =>
    resource?.schedule === label ? [{ backup, startedAt: resource.startedAt ?? '' }] : [],
  );
  own.sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
  const message = `Schedule ${shown(label)} is not in the cluster; the store has ${counted(own.length, 'backup')} of it, the newest is ${shown(own[0]?.backup ?? '')}`;
  const evidence = {
    count: own.length,
    backups: examplesOf(own.map(({ backup }) => backup)),
  };
  return finding('SCHEDULE_DELETED', `${url} schedule ${plain(label)}`, message, {
    ...exactHint('SCHEDULE_DELETED', { schedule: label }),
    evidence,
  });
}

function unknown({ question, observed }: Judged): Finding {
  const guesses = observed
    .slice(0, EXAMPLES_MAX)
    .map(({ name, intervalMs }) => `${plain(name)} about every ${millisecondsText(intervalMs)}`);
  const shown =
    guesses.length === 0 ? 'no backup names one' : `its backups show ${guesses.join(', ')}`;
  const message = `Nobody says which schedules write to "${question.location}"; ${shown}`;
  return finding('SCHEDULE_UNKNOWN', question.url, message, {
    ...exactHint('SCHEDULE_UNKNOWN', { location: question.location }),
    ...(guesses.length === 0 ? {} : { evidence: { observed: guesses } }),
  });
}
