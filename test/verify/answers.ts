/** What a report says, for tests that look at a part of it. */
import type { Finding } from '../../shared/model/finding.ts';
import type { LadderRow } from '../../shared/model/ladder.ts';
import type { Report, Verdict } from '../../shared/model/report.ts';
import { bytesBody, collect } from '../../shared/stores/checksum.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';

/** Codes of findings, ascending, each once; of subjects that end so. */
export function codesOf(report: Report, subjectEnd = ''): readonly string[] {
  const own = report.findings.filter(({ subject }) => subject.endsWith(subjectEnd));
  return [...new Set(own.map(({ code }) => code))].sort();
}

export function findingOf(report: Report, code: string, subjectEnd = ''): Finding {
  const found = report.findings.find(
    (each) => each.code === code && each.subject.endsWith(subjectEnd),
  );
  if (found !== undefined) return found;
  throw new Error(`no ${code} of "${subjectEnd}" among ${codesOf(report).join(', ')}`);
}

export function rowOf(report: Report, application: string): LadderRow {
  const rows = report.ladders?.flatMap((ladder) => ladder.rows) ?? [];
  const found = rows.find((row) => row.application === application);
  if (found !== undefined) return found;
  throw new Error(`no row of "${application}"`);
}

/** The kind of each verdict by the end of its subject. */
export function verdictsOf(report: Report): ReadonlyMap<string, Verdict['kind']> {
  return new Map(
    report.verdicts.map(({ kind, subject }) => [subject.split('/').at(-1) ?? '', kind]),
  );
}

export async function bytesOf(store: ObjectStore, key: string): Promise<Buffer> {
  return Buffer.from(await collect((await store.read(key)).body));
}

export async function put(store: ObjectStore, key: string, bytes: Uint8Array): Promise<void> {
  await store.write(key, bytesBody(bytes), { sizeBytes: bytes.length });
}

/** Removes everything below a prefix, as somebody with the right to delete could. */
export async function removeBelow(store: ObjectStore, prefix: string): Promise<void> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  for (const key of keys) await store.remove(key);
}
