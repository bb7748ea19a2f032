/**
 * Reasons by which somebody chose to leave a volume out; any other one means that no way to save it
 * applied. Source: velero main of August 2026, pkg/backup/item_backupper.go.
 */
const CHOSEN = [
  'opted out due to annotation',
  'skipped due to resource policy',
  'exclude-from-backup=true',
];

/** Whether a volume without data in the backup is one that somebody wanted to be left out. */
export function isChosenSkip({
  method,
  reason = '',
}: {
  readonly method: string;
  readonly reason?: string | undefined;
}): boolean {
  return method === 'skipped' && CHOSEN.some((chosen) => reason.includes(chosen));
}
