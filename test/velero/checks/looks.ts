/** A root as verification sees it at a given hour, without any other witness. */
import type { Finding } from '../../../shared/model/finding.ts';
import { prefixedReader } from '../../../shared/stores/prefixed.ts';
import type { ObjectReader } from '../../../shared/stores/store.ts';
import { ageFindings } from '../../../shared/velero/checks/backup-age.ts';
import type { BackupFacts } from '../../../shared/velero/checks/backup-facts.ts';
import { lookAtBackup } from '../../../shared/velero/checks/backup-look.ts';
import { readRoot, rootFindings } from '../../../shared/velero/checks/root.ts';
import { LATER } from '../../support/velero-damage/damage.ts';
import { PREFIX } from '../../support/velero-damage/objects.ts';

export const URL = 's3://backups/prod';

export interface Sight {
  readonly facts: BackupFacts;
  readonly findings: readonly Finding[];
}

/** Looks at one backup of a bucket, by a listing of its own. */
export async function sightOf(
  bucket: ObjectReader,
  backup: string,
  {
    role = 'source',
    now = LATER,
  }: { readonly role?: 'source' | 'replica'; readonly now?: Date } = {},
): Promise<Sight> {
  const reader = prefixedReader(bucket, PREFIX);
  const { backups } = await readRoot(reader);
  const files = backups.get(backup);
  if (files === undefined) throw new Error(`there is no backup "${backup}"`);
  const facts = await lookAtBackup(reader, backup, files, { url: URL, role, now });
  return { facts, findings: [...facts.findings, ...ageFindings(facts, { url: URL, now })] };
}

/** What the root alone tells. */
export async function sightOfRoot(bucket: ObjectReader): Promise<readonly Finding[]> {
  return rootFindings(await readRoot(prefixedReader(bucket, PREFIX)), URL);
}

export function codesOf(findings: readonly Finding[]): readonly string[] {
  return findings.map(({ code }) => code).sort();
}
