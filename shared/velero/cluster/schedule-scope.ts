import { at, isObject, textAt, textMapAt, textsAt } from '../artefacts/json.ts';
import type { ScheduleFacts } from '../schedule/schedule-resource.ts';

/** What the backups of a schedule take. Where that cannot be told the answer is yes. */
export interface ScheduleScope {
  readonly schedule: string;
  /** As written; a `*`, `?` or bracket makes an entry a pattern from Velero 1.18 on. */
  readonly excludedNamespaces: readonly string[];
  readonly hasSelector: boolean;
  takesNamespace(namespace: string): boolean;
  takesClaim(namespace: string, labels: ReadonlyMap<string, string>): boolean;
}

/** The names that the API and people have for claims. */
const CLAIM_NAMES: ReadonlySet<string> = new Set([
  '*',
  'pvc',
  'pvcs',
  'persistentvolumeclaim',
  'persistentvolumeclaims',
]);

/** Source: velero v1.18.2, pkg/apis/velero/v1/backup_types.go (BackupSpec). */
export function scheduleScope({ name, template }: ScheduleFacts): ScheduleScope {
  const included = textsAt(template, 'includedNamespaces');
  const excluded = textsAt(template, 'excludedNamespaces');
  const selectors = selectorsOf(template);
  const withClaims = takesClaims(template);
  const takesNamespace = (namespace: string): boolean =>
    (included.length === 0 || included.some((each) => matches(each, namespace) !== 'no')) &&
    !excluded.some((each) => matches(each, namespace) === 'yes');
  return {
    schedule: name,
    excludedNamespaces: excluded,
    hasSelector: selectors.length > 0,
    takesNamespace,
    takesClaim: (namespace, labels) =>
      withClaims &&
      takesNamespace(namespace) &&
      (selectors.length === 0 || selectors.some((selector) => selects(selector, labels))),
  };
}

/** A schedule that makes backups: neither paused nor refused. */
export function runs({ isPaused, phase }: ScheduleFacts): boolean {
  return !isPaused && phase !== 'FailedValidation';
}

function takesClaims(template: unknown): boolean {
  const names = (...fields: string[]) => fields.flatMap((field) => textsAt(template, field));
  const included = names('includedResources', 'includedNamespaceScopedResources');
  const excluded = names('excludedResources', 'excludedNamespaceScopedResources');
  const isClaim = (each: string): boolean => CLAIM_NAMES.has(each.toLowerCase());
  return (included.length === 0 || included.some(isClaim)) && !excluded.some(isClaim);
}

function selectorsOf(template: unknown): readonly unknown[] {
  const any = at(template, 'orLabelSelectors');
  const all = [at(template, 'labelSelector'), ...(Array.isArray(any) ? any : [])];
  return all.filter((each) => isObject(each) && Object.keys(each).length > 0);
}

/** A `metav1.LabelSelector`: every requirement holds. */
function selects(selector: unknown, labels: ReadonlyMap<string, string>): boolean {
  const equal = [...textMapAt(selector, 'matchLabels')];
  const expressions = at(selector, 'matchExpressions');
  const all: readonly unknown[] = Array.isArray(expressions) ? expressions : [];
  return (
    equal.every(([key, value]) => labels.get(key) === value) &&
    all.every((each) => holds(each, labels))
  );
}

function holds(expression: unknown, labels: ReadonlyMap<string, string>): boolean {
  const value = labels.get(textAt(expression, 'key') ?? '');
  const values = textsAt(expression, 'values');
  switch (textAt(expression, 'operator')) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return true;
  }
}

/** Whether an entry of a list of namespaces means this one; `maybe` for brackets and braces. */
export function matches(entry: string, namespace: string): 'yes' | 'no' | 'maybe' {
  if (/[[\]{}]/.test(entry)) return 'maybe';
  return globMatches(entry, namespace) ? 'yes' : 'no';
}

/** `*` and `?`, in time that no pattern can make more than quadratic. */
function globMatches(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  let p = 0;
  while (at < text.length) {
    if (p < pattern.length && pattern[p] === '*') {
      star = p;
      resume = at;
      p += 1;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[at])) {
      p += 1;
      at += 1;
    } else if (star >= 0) {
      p = star + 1;
      resume += 1;
      at = resume;
    } else return false;
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}
