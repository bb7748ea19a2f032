/** That some index blobs were compacted into others. */
export interface CompactionLog {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/**
 * The content of an `m` blob. Throws SyntaxError when it is none.
 * Source: Kopia v0.23.1, repo/content/indexblob/index_blob_manager_v0.go.
 */
export function parseCompactionLog(bytes: Buffer): CompactionLog {
  const log: unknown = JSON.parse(bytes.toString('utf8'));
  return { inputs: blobIds(log, 'inputMetadata'), outputs: blobIds(log, 'outputMetadata') };
}

function blobIds(log: unknown, member: string): readonly string[] {
  const list = memberOf(log, member);
  if (list === null || list === undefined) return [];
  if (!Array.isArray(list)) throw new SyntaxError(`it has no list "${member}"`);
  return list.map((blob: unknown) => {
    const id = memberOf(blob, 'id');
    if (typeof id !== 'string') throw new SyntaxError(`it has a blob without an id in "${member}"`);
    return id;
  });
}

function memberOf(value: unknown, member: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SyntaxError('it is not what Kopia writes');
  }
  return Object.hasOwn(value, member) ? Reflect.get(value, member) : undefined;
}

/**
 * The index blobs that compaction made superfluous: the inputs of every log whose outputs are all
 * there. What is there is judged before anything is taken away, so that chains of logs hold.
 */
export function supersededInputs(
  present: ReadonlySet<string>,
  logs: readonly CompactionLog[],
): ReadonlySet<string> {
  const valid = logs.filter(({ outputs }) => outputs.every((id) => present.has(id)));
  return new Set(valid.flatMap(({ inputs }) => inputs));
}
