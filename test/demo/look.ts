import { createHash } from 'node:crypto';
import type { ContainerClient } from '@azure/storage-blob';
import { FORMAT_BLOB, parseBlobName } from '../../shared/kopia/blob-names.ts';
import type { Report } from '../../shared/model/report.ts';
import { BACKUP_METADATA } from '../../shared/velero/layout.ts';
import { PRODUCTION, type Stage } from './stage.ts';

/** An object as anybody sees it who lists the container. */
export interface Seen {
  readonly sizeBytes: number;
  readonly etag: string;
}

/** The container's blobs by name, read by the vendor's own client. */
export async function blobsOf(container: ContainerClient): Promise<ReadonlyMap<string, Seen>> {
  const found = new Map<string, Seen>();
  for await (const { name, properties } of container.listBlobsFlat()) {
    found.set(name, { sizeBytes: properties.contentLength ?? 0, etag: properties.etag ?? '' });
  }
  return found;
}

export function sumBytes(objects: Iterable<{ readonly sizeBytes: number }>): number {
  let sum = 0;
  for (const { sizeBytes } of objects) sum += sizeBytes;
  return sum;
}

export function isSame(
  left: ReadonlyMap<string, Seen>,
  right: ReadonlyMap<string, Seen>,
  by: keyof Seen,
): boolean {
  if (left.size !== right.size) return false;
  return [...left].every(([name, seen]) => right.get(name)?.[by] === seen[by]);
}

/** The folder of the repository that an object belongs to, `undefined` for everything else. */
export function repositoryOf(key: string, root: string): string | undefined {
  return new RegExp(`^${root}kopia/[^/]+(?=/)`).exec(key)?.[0];
}

/** The packs hold the data: by far most of the bytes, and the first to be copied. */
export function isPack(key: string, root: string): boolean {
  const folder = repositoryOf(key, root);
  return folder !== undefined && parseBlobName(key.slice(folder.length + 1)).kind === 'pack';
}

/** How far the copy of one repository has come. */
export interface RepositoryState {
  readonly folder: string;
  readonly objects: number;
  readonly objectsAll: number;
  /** Kopia opens a repository by its format blob, and not without. */
  readonly opens: boolean;
  readonly isWhole: boolean;
}

/** Compares a copy that may have stopped half-way with a complete one. */
export function repositoryStates(
  copy: ReadonlyMap<string, Seen>,
  complete: ReadonlyMap<string, Seen>,
  root: string,
): readonly RepositoryState[] {
  const folders = new Set([...complete.keys()].flatMap((key) => repositoryOf(key, root) ?? []));
  return [...folders].map((folder) => {
    const of = (objects: ReadonlyMap<string, Seen>): [string, Seen][] =>
      [...objects].filter(([key]) => key.startsWith(`${folder}/`));
    const [there, all] = [of(copy), of(complete)];
    return {
      folder,
      objects: there.length,
      objectsAll: all.length,
      opens: copy.has(`${folder}/${FORMAT_BLOB}`),
      isWhole: isSame(new Map(there), new Map(all), 'sizeBytes'),
    };
  });
}

/** Backups that Velero would list. */
export function visibleBackups(objects: Iterable<string>): number {
  return [...objects].filter((key) => key.endsWith(`/${BACKUP_METADATA}`)).length;
}

/** What the returned copy says about production. */
export interface Comparison {
  readonly equal: number;
  readonly sizeBytes: number;
  readonly different: readonly string[];
  /** Not in production at all. */
  readonly strange: readonly string[];
  /** In production alone: counts by the reason that the plan gave. */
  readonly leftOut: ReadonlyMap<string, number>;
  readonly unexplained: readonly string[];
}

/** Compares a bucket with production byte by byte; `plan` says what was to be left out. */
export function compareWithProduction(stage: Stage, bucket: string, plan: Report): Comparison {
  const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  const originals = new Map(stage.fixture.objects.map((object) => [object.key, object]));
  const [different, strange]: [string[], string[]] = [[], []];
  let [equal, sizeBytes] = [0, 0];
  for (const { key, bytes } of stage.server.objects(bucket)) {
    const original = originals.get(key);
    if (original === undefined) strange.push(key);
    else if (original.sha256 !== hash(bytes)) different.push(key);
    else {
      equal += 1;
      sizeBytes += bytes.length;
    }
    originals.delete(key);
  }
  const leftOut = new Map<string, number>();
  const unexplained: string[] = [];
  for (const key of originals.keys()) {
    const reason = reasonFor(key, stage.root, plan);
    if (reason === undefined) unexplained.push(key);
    else leftOut.set(reason, (leftOut.get(reason) ?? 0) + 1);
  }
  return { equal, sizeBytes, different, strange, leftOut, unexplained };
}

/** Why an object of production is in no replica, in the words of the plan. */
function reasonFor(key: string, root: string, plan: Report): string | undefined {
  const folder = repositoryOf(key, root);
  if (folder !== undefined) {
    const { kind } = parseBlobName(key.slice(folder.length + 1));
    return kind === 'log' || kind === 'session' ? "of Kopia's own logs and sessions" : undefined;
  }
  const place = `/${key.slice(root.length)}`;
  const named = plan.findings.find(({ subject }) => `${place}/`.includes(`${ending(subject)}/`));
  if (named?.code === 'RESTORES_LEFT_OUT') return 'of restores';
  return named?.code.startsWith('BACKUP_') ? 'of unfinished backups' : undefined;
}

/** The last one or two segments of a finding's subject: `/restores`, `/backups/<name>`. */
function ending(subject: string): string {
  return /\/(?:restores|backups\/[^/]+)\/?$/.exec(subject)?.[0].replace(/\/$/, '') ?? '\0';
}

/** Requests that reached production since the `from`-th; what changes a bucket counts as a write. */
export function productionRequests(stage: Stage, from = 0): { reads: string[]; writes: number } {
  const requests = stage.server.requests.slice(from).filter(({ bucket }) => bucket === PRODUCTION);
  const isRead = ({ method }: { method: string }): boolean => ['GET', 'HEAD'].includes(method);
  const reads = requests.filter(({ method, key }) => method === 'GET' && key !== '');
  return {
    reads: reads.map(({ key }) => key),
    writes: requests.filter((request) => !isRead(request)).length,
  };
}
