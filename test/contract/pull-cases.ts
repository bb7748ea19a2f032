import { createHash, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesBody, collect, createHasher } from '../../shared/stores/checksum.ts';
import type { ServerCopy } from '../../shared/stores/pull.ts';
import type { Checksums, ObjectInfo, ObjectStore } from '../../shared/stores/store.ts';
import { StoreError, type StoreErrorCode } from '../../shared/stores/store-error.ts';

/** Two stores and the short way between them, with what brings about what users suffer. */
export interface PullSubject {
  readonly source: ObjectStore;
  readonly target: ObjectStore;
  readonly copy: ServerCopy;
  /** Checksums that the source's store is asked for; the ones that its `stat` tells. */
  readonly proof: 'crc64nvme' | 'md5';
  /** Above this an object goes by several requests. */
  readonly pieceBytes: number;
  /** The least that takes this way. */
  readonly smallBytes: number;
  /** Of how many pieces an object must be for its first to be there when its last is begun. */
  readonly brokenPieces?: number;
  /** Whether large objects go by pieces. */
  readonly hasPieces: boolean;
  /** Called once, before the `at`th request from now on that reads bytes of the source. */
  onMove(at: number, act: () => Promise<void> | void): void;
  /** How many requests have brought bytes to the target since the start. */
  moves(): number;
  readonly sourceDenied?: ServerCopy;
  readonly targetDenied: ServerCopy;
  readonly throttled: ServerCopy;
  readonly unreachable: ServerCopy;
  /** Strings that no error may hold. */
  readonly secrets: readonly RegExp[];
  close(): Promise<void>;
}

const ODD_NAMES = [
  'space in name',
  'plus+plus',
  'percent%41%2F',
  'question?mark',
  'hash#mark',
  "quote'single",
  'brackets[1](3)',
  'umlaut-ä-é-ß',
  'emoji-🚢',
  'deep/er/x.tar.gz',
];

async function checksumsOf(bytes: Uint8Array): Promise<Checksums> {
  const hasher = await createHasher(new Set(['crc64nvme', 'md5'] as const));
  hasher.update(bytes);
  return hasher.digest();
}

/** What `shared/stores/pull.ts` promises, on one pair of stores. */
export function pullContract(name: string, open: () => Promise<PullSubject>): void {
  let subject: PullSubject;
  let places = 0;
  const key = (): string => `case-${++places}/object`;

  /** An object at the source, and what its store says of it. */
  async function given(bytes: Uint8Array, at = key()): Promise<ObjectInfo> {
    await subject.source.write(at, bytesBody(bytes), { sizeBytes: bytes.byteLength });
    const info = await subject.source.stat(at);
    if (info === undefined) throw new Error(`The source has no "${at}"`);
    return info;
  }
  const small = (atLeast = 1000): number => Math.max(atLeast, subject.smallBytes);
  /** One piece and two, as far as the way has both. */
  const sizes = (): number[] => {
    const two = subject.pieceBytes + 9;
    if (!subject.hasPieces) return [small()];
    return subject.smallBytes > 1 ? [two] : [small(), two];
  };
  const pull = (info: ObjectInfo, options = {}, copy = subject.copy): Promise<ObjectInfo> =>
    copy.pull(info, info.key, info.checksums ?? {}, options);
  const arrived = async (at: string): Promise<Buffer> =>
    Buffer.from(await collect((await subject.target.read(at)).body));
  async function fails(code: StoreErrorCode, call: Promise<unknown>): Promise<StoreError> {
    const error = await call.then(
      () => new Error('it succeeded'),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(StoreError);
    const { code: found, message } = error as StoreError;
    expect(`${found}: ${message}`).toMatch(new RegExp(`^${code}: `));
    for (const secret of subject.secrets) expect(inspect(error, { depth: 9 })).not.toMatch(secret);
    return error as StoreError;
  }
  const absent = async (at: string): Promise<void> =>
    expect(await subject.target.stat(at)).toBeUndefined();

  describe(`pull: ${name}`, () => {
    beforeAll(async () => {
      subject = await open();
    });
    afterAll(() => subject?.close());

    test('equal bytes arrive, with the stamp of their source', async () => {
      const bytes = randomBytes(small(100_000));
      const info = await given(bytes);
      expect(subject.copy.canPull(info)).toEqual({ way: 'pull', proof: subject.proof });
      const source = { etag: info.etag, lastModified: new Date('2025-03-04T05:06:07Z') };
      const pulled = await pull(info, { source });
      expect(pulled).toMatchObject({ key: info.key, sizeBytes: bytes.length, source });
      expect((await arrived(info.key)).equals(bytes)).toBe(true);
      const stat = await subject.target.stat(info.key);
      expect(stat).toMatchObject({ etag: pulled.etag, sizeBytes: bytes.length, source });
      if (subject.target.capabilities.sourceTimeListed) {
        expect(stat?.lastModified).toEqual(source.lastModified);
      }
      const again = await pull(info, { source });
      expect(again.source).toEqual(source);
      expect((await arrived(info.key)).equals(bytes)).toBe(true);
    });

    test('objects around the borders of pieces arrive whole', async () => {
      const { pieceBytes } = subject;
      const borders = [1, pieceBytes - 1, pieceBytes];
      if (subject.hasPieces) borders.push(pieceBytes + 1, 2 * pieceBytes);
      for (const sizeBytes of borders.filter((size) => size >= subject.smallBytes)) {
        const bytes = randomBytes(sizeBytes);
        const info = await given(bytes);
        await pull(info);
        expect((await arrived(info.key)).equals(bytes)).toBe(true);
      }
    });

    test('names with odd characters stay what they are', async () => {
      // Of large ones a single name has to hold them all.
      const names = subject.smallBytes > 1 ? [ODD_NAMES.join('')] : ODD_NAMES;
      for (const odd of names) {
        const bytes = Buffer.alloc(small(50), odd);
        const info = await given(bytes, `odd-${places}/${odd}`);
        await pull(info);
        expect((await arrived(info.key)).equals(bytes)).toBe(true);
      }
    });

    test('what nothing proves is streamed, and never pulled', async () => {
      const empty = await given(new Uint8Array());
      expect(subject.copy.canPull(empty)).toEqual({ way: 'stream', reason: 'it is empty' });
      const { checksums: _, ...bare } = await given(randomBytes(10));
      expect(subject.copy.canPull(bare).way).toBe('stream');
      const crc32 = { ...bare, checksums: { crc32: '00000000', sha256: '0'.repeat(64) } };
      expect(subject.copy.canPull(crc32).way).toBe('stream');
      const cold = { ...bare, checksums: { md5: '0' }, storageClass: 'DEEP_ARCHIVE' };
      expect(subject.copy.canPull(cold).way).toBe('stream');
      const before = subject.moves();
      await fails('unsupported', subject.copy.pull(bare, bare.key, {}));
      await fails('unsupported', subject.copy.pull(empty, empty.key, empty.checksums ?? {}));
      expect(subject.moves()).toBe(before);
      await absent(bare.key);
    });

    test('a wrong checksum at the source shows nothing, in one piece and in several', async () => {
      for (const sizeBytes of sizes()) {
        const info = await given(randomBytes(sizeBytes));
        const other = await checksumsOf(randomBytes(10));
        const wrong = { [subject.proof]: other[subject.proof] };
        await fails('corrupt', subject.copy.pull(info, info.key, wrong));
        await absent(info.key);
        // What was staged for it stands in nobody's way.
        await pull(info);
        expect((await arrived(info.key)).length).toBe(sizeBytes);
      }
    });

    test('a source that changes meanwhile is "changed", and nothing is visible', async () => {
      for (const sizeBytes of sizes()) {
        const info = await given(randomBytes(sizeBytes));
        subject.onMove(1, async () => {
          await given(randomBytes(sizeBytes), info.key);
        });
        await fails('changed', pull(info));
        await absent(info.key);
      }
    });

    test('a source that vanishes is "not_found", naming the source', async () => {
      const info = await given(randomBytes(small()));
      subject.onMove(1, () => subject.source.remove(info.key));
      const error = await fails('not_found', pull(info));
      expect(error.message).toContain(subject.source.url);
      await absent(info.key);
    });

    test('denied, throttled and unreachable keep their names', async () => {
      const info = await given(randomBytes(small()));
      if (subject.sourceDenied) await fails('denied', pull(info, {}, subject.sourceDenied));
      await fails('denied', pull(info, {}, subject.targetDenied));
      await fails('throttled', pull(info, {}, subject.throttled));
      await fails('unreachable', pull(info, {}, subject.unreachable));
      await absent(info.key);
    });

    test('a pull that is cancelled rejects with the reason and shows nothing', async () => {
      const info = await given(randomBytes(small()));
      const reason = new Error('stop now');
      await expect(pull(info, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      const abort = new AbortController();
      subject.onMove(1, () => abort.abort(reason));
      await expect(pull(info, { signal: abort.signal })).rejects.toBe(reason);
    });

    test('a target that exists stays under a condition, and is replaced without', async () => {
      for (const sizeBytes of sizes()) {
        const bytes = randomBytes(sizeBytes);
        const info = await given(bytes);
        const there = Buffer.from('there before');
        await subject.target.write(info.key, bytesBody(there), { sizeBytes: there.length });
        await fails('exists', pull(info, { condition: 'absent' }));
        await fails('changed', pull(info, { condition: { etag: 'another' } }));
        expect((await arrived(info.key)).equals(there)).toBe(true);
        const { etag = '' } = (await subject.target.stat(info.key)) ?? {};
        await pull(info, { condition: { etag } });
        expect((await arrived(info.key)).equals(bytes)).toBe(true);
        await subject.target.remove(info.key);
        await pull(info, { condition: 'absent' });
        expect((await arrived(info.key)).equals(bytes)).toBe(true);
      }
    });

    test('broken off in the middle nothing is visible, and the next pull goes on', async () => {
      const pieces = subject.brokenPieces;
      if (pieces === undefined) return;
      const bytes = randomBytes(pieces * subject.pieceBytes);
      const info = await given(bytes);
      const abort = new AbortController();
      const started = subject.moves();
      subject.onMove(pieces, () => abort.abort(new Error('killed')));
      await expect(pull(info, { signal: abort.signal })).rejects.toThrow('killed');
      await absent(info.key);
      expect(await Array.fromAsync(subject.target.list(info.key))).toEqual([]);
      const moved = subject.moves();
      expect(moved).toBeGreaterThan(started);
      await pull(info);
      expect(subject.moves() - moved).toBeLessThan(pieces);
      const md5 = createHash('md5').update(await arrived(info.key));
      expect(md5.digest('hex')).toBe(createHash('md5').update(bytes).digest('hex'));
    });
  });
}
