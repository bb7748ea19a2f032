import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { readFormatBlob, readRepositoryId } from '../../../shared/kopia/format/format-blob.ts';
import { readMaintenance } from '../../../shared/kopia/format/maintenance.ts';
import { openFormat, VELERO_DEFAULT_PASSWORD } from '../../../shared/kopia/format/open-format.ts';
import type { RepositoryFormat } from '../../../shared/kopia/format/repository-format.ts';
import { bytesBody } from '../../../shared/stores/checksum.ts';
import { memoryStore } from '../../../shared/stores/memory.ts';
import type { ObjectReader, ObjectStore } from '../../../shared/stores/store.ts';
import { StoreError } from '../../../shared/stores/store-error.ts';
import { systemClock } from '../../support/clock.ts';
import { loadFixture } from '../../support/fixtures.ts';
import {
  type FormatConfig,
  type OpenedFormat,
  unsealFormat,
} from '../../support/kopia-writer/format.ts';
import { sealFormatBlock, sealMaintenance } from '../../support/kopia-writer/keys.ts';

const PASSWORD = 'fixture-passw0rd';
const PREFIX = 'repo/';

/** The small blobs of a real repository, and what is in its format blob. */
let blobs: ReadonlyMap<string, Uint8Array>;
let real: OpenedFormat;
let foreignBlobConfig: Uint8Array;

async function smallBlobs(name: string): Promise<Map<string, Uint8Array>> {
  const { objects } = await loadFixture(`kopia/${name}`);
  const small = objects.filter(({ key }) => /\/(kopia\.|xn)/.test(key));
  return new Map(
    await Promise.all(small.map(async ({ key, bytes }) => [key, await bytes()] as const)),
  );
}

beforeAll(async () => {
  blobs = await smallBlobs('object-lock');
  real = unsealFormat(blobs.get('repo/kopia.repository') ?? Buffer.alloc(0), PASSWORD);
  const other = await smallBlobs('v3-default');
  foreignBlobConfig = other.get('repo/kopia.blobcfg') ?? Buffer.alloc(0);
});

/** The real repository with some blobs exchanged, or (`undefined`) taken away. */
async function storeWith(changes: Record<string, Uint8Array | undefined>): Promise<ObjectStore> {
  const store = memoryStore('kopia', systemClock);
  const changed = Object.entries(changes).map(([id, bytes]) => [`${PREFIX}${id}`, bytes] as const);
  for (const [key, bytes] of new Map<string, Uint8Array | undefined>([...blobs, ...changed])) {
    if (bytes) await store.write(key, bytesBody(bytes), { sizeBytes: bytes.length });
  }
  return store;
}

/** The real format blob with other members in clear. */
const outer = (more: Record<string, unknown>): Buffer =>
  Buffer.from(JSON.stringify({ ...real.outer, ...more }));

/** The real format blob with another configuration, under the same password. */
function sealed(plain: unknown): Buffer {
  const bytes = Buffer.from(JSON.stringify(plain));
  const block = sealFormatBlock(bytes, real.formatKey, real.uniqueId, randomBytes);
  return outer({ encryptedBlockFormat: block.toString('base64') });
}
const config = (more: Partial<FormatConfig>) => sealed({ format: { ...real.config, ...more } });

const open = (store: ObjectReader, password = PASSWORD): Promise<RepositoryFormat> =>
  openFormat(store, PREFIX, password);
const error = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

describe('openFormat()', () => {
  test('opens, with what the blob configuration says and without one', async () => {
    const format = await open(await storeWith({}));
    expect(format.retention).toEqual({ mode: 'GOVERNANCE', periodMs: 86_400_000 });
    expect(format).toMatchObject({ prefix: PREFIX, url: 'memory://kopia/repo/' });
    const bare = await open(await storeWith({ 'kopia.blobcfg': undefined }));
    expect(bare).not.toHaveProperty('retention');
    expect(bare.cryptoSpec).toEqual(format.cryptoSpec);
    expect(VELERO_DEFAULT_PASSWORD).toBe('static-passw0rd');
  });

  test.each(['', `${PASSWORD} `, 'Fixture-passw0rd'])(
    'does not open with the password "%s", and repeats it nowhere',
    async (password) => {
      const failure = await open(await storeWith({}), password).catch((caught: unknown) => caught);
      expect(failure).toEqual(error('KOPIA_WRONG_PASSWORD', 'Cannot open "memory://kopia/repo/"'));
      const shown = inspect(failure, { depth: 9, showHidden: true });
      if (password !== '') expect(shown).not.toContain(password);
    },
  );

  test('with a damaged block it cannot tell a wrong password', async () => {
    for (const block of ['', Buffer.alloc(64).toString('base64')]) {
      const store = await storeWith({ 'kopia.repository': outer({ encryptedBlockFormat: block }) });
      await expect(open(store)).rejects.toEqual(error('KOPIA_WRONG_PASSWORD', 'does not decrypt'));
    }
  });

  test('says what is there instead of a repository', async () => {
    const without = await storeWith({ 'kopia.repository': undefined });
    await expect(open(without)).rejects.toEqual(error('KOPIA_HALF_SEEDED', 'packs or indexes'));
    const pack = memoryStore('packs', systemClock);
    await pack.write(`p${'0'.repeat(32)}`, bytesBody(Buffer.from('x')), { sizeBytes: 1 });
    await expect(openFormat(pack, '', PASSWORD)).rejects.toEqual(
      error('KOPIA_HALF_SEEDED', 'no kopia.repository'),
    );
    const photos = memoryStore('photos', systemClock);
    for (const key of ['notes.txt', 'photo-1.jpg', 'x', 'kopia.blobcfg']) {
      await photos.write(key, bytesBody(Buffer.from('x')), { sizeBytes: 1 });
    }
    await expect(openFormat(photos, '', PASSWORD)).rejects.toEqual(
      error('NOT_A_REPOSITORY', 'there is no kopia.repository'),
    );
  });

  test('does not search a foreign folder to its end', async () => {
    let listed = 0;
    const store: ObjectReader = {
      ...memoryStore('endless', systemClock),
      async *list(prefix) {
        for (; ; listed += 1) {
          yield {
            key: `${prefix}icture-${listed}`,
            sizeBytes: 1,
            etag: '',
            lastModified: new Date(0),
          };
        }
      },
    };
    await expect(open(store)).rejects.toEqual(error('NOT_A_REPOSITORY', 'there is no'));
    expect(listed).toBeLessThan(10_000);
  });

  test.each(['read', 'list'] as const)('a %s that is denied is not an absence', async (method) => {
    const denied = new StoreError('denied', 'Cannot look');
    const store: ObjectReader = {
      ...memoryStore('denied', systemClock),
      ...(method === 'read' && { read: () => Promise.reject(denied) }),
      ...(method === 'list' && {
        list: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(denied) }) }),
      }),
    };
    await expect(open(store)).rejects.toBe(denied);
  });

  test('a blob configuration that cannot be looked at is none that is absent', async () => {
    const store = await storeWith({});
    const denied = new StoreError('denied', 'Cannot look');
    const half: ObjectReader = {
      ...store,
      read: (key, options) =>
        key.endsWith('blobcfg') ? Promise.reject(denied) : store.read(key, options),
    };
    await expect(open(half)).rejects.toBe(denied);
  });

  test('refuses the blob configuration of another repository, or what is none', async () => {
    const bytes = sealFormatBlock(Buffer.from('{}'), real.formatKey, real.uniqueId, randomBytes);
    for (const blobConfig of [
      foreignBlobConfig,
      Buffer.from('{}'),
      bytes.subarray(0, -1),
      Buffer.alloc(2 * 1024 * 1024),
    ]) {
      const store = await storeWith({ 'kopia.blobcfg': blobConfig });
      await expect(open(store)).rejects.toEqual(
        error('KOPIA_FOREIGN_BLOBCFG', 'memory://kopia/repo/kopia.blobcfg'),
      );
    }
    const list = sealFormatBlock(Buffer.from('[]'), real.formatKey, real.uniqueId, randomBytes);
    await expect(open(await storeWith({ 'kopia.blobcfg': list }))).rejects.toEqual(
      error('NOT_A_REPOSITORY', 'no JSON object'),
    );
  });

  test.each([
    ['KOPIA_LEGACY_ENCRYPTION', 'encrypted with "SALSA20"', { encryption: 'SALSA20' }],
    ['KOPIA_FORMAT_NEWER', 'version is 4', { version: 4 }],
    ['NOT_A_REPOSITORY', 'no masterKey', { masterKey: '' }],
  ])('refuses by %s a configuration %s', async (code, message, more) => {
    const store = await storeWith({ 'kopia.repository': config(more) });
    await expect(open(store)).rejects.toEqual(error(code, message));
  });

  // None of them costs a key derivation.
  test.each([
    ['KOPIA_LEGACY_ENCRYPTION', 'not encrypted', () => outer({ encryption: 'NONE' })],
    ['KOPIA_FORMAT_NEWER', '"AES512"', () => outer({ encryption: 'AES512' })],
    ['KOPIA_FORMAT_NEWER', '"argon2id"', () => outer({ keyAlgo: 'argon2id' })],
    ['KOPIA_FORMAT_NEWER', 'unknown', () => outer({ keyAlgo: 'scrypt-1099511627776-8-1' })],
    ['KOPIA_FORMAT_NEWER', 'unknown', () => outer({ keyAlgo: 'testing-only-insecure' })],
    ['KOPIA_FORMAT_NEWER', 'unknown', () => outer({ keyAlgo: '__proto__' })],
    ['NOT_A_REPOSITORY', '"keyAlgo" is no text', () => outer({ keyAlgo: 7 })],
    [
      'NOT_A_REPOSITORY',
      'too short',
      () => outer({ uniqueID: Buffer.alloc(15).toString('base64') }),
    ],
    ['NOT_A_REPOSITORY', '"uniqueID" is no base64', () => outer({ uniqueID: '%' })],
    ['NOT_A_REPOSITORY', 'no uniqueID', () => outer({ uniqueID: null })],
    ['NOT_A_REPOSITORY', 'no encryptedBlockFormat', () => outer({ encryptedBlockFormat: null })],
    ['NOT_A_REPOSITORY', 'no JSON', () => Buffer.from('kopia')],
    ['NOT_A_REPOSITORY', 'no JSON object', () => Buffer.from('"kopia"')],
    ['NOT_A_REPOSITORY', 'more than 1048576 bytes', () => Buffer.alloc(1024 * 1024 + 1, ' ')],
  ])('refuses by %s a format blob: %s', async (code, message, bytes) => {
    const store = await storeWith({ 'kopia.repository': bytes() });
    await expect(open(store)).rejects.toEqual(error(code, message));
  });

  test('stops when it is told to', async () => {
    const store = await storeWith({});
    const stop = new AbortController();
    const opening = openFormat(store, PREFIX, PASSWORD, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(opening).rejects.toThrow('enough');
  });
});

describe('readRepositoryId()', () => {
  test('needs no password, and understands formats that nobody opens', async () => {
    const store = await storeWith({ 'kopia.repository': outer({ keyAlgo: 'argon2id' }) });
    expect(await readRepositoryId(store, PREFIX)).toBe(real.uniqueId.toString('base64'));
    expect(await readRepositoryId(store, 'elsewhere/')).toBeUndefined();
    expect((await readFormatBlob(store, PREFIX))?.url).toBe('memory://kopia/repo/kopia.repository');
  });
});

describe('readMaintenance()', () => {
  const read = async (format: RepositoryFormat, bytes: Uint8Array | undefined) =>
    readMaintenance(await storeWith({ 'kopia.maintenance': bytes }), format);
  const sealedAs = (text: string): Buffer => {
    const key = Buffer.from(real.config.masterKey, 'base64');
    return sealMaintenance(Buffer.from(text), key, real.uniqueId, randomBytes);
  };

  test('tells "never ran" from "ran", and both from what it cannot read', async () => {
    const format = await open(await storeWith({}));
    expect(await read(format, undefined)).toBeUndefined();
    expect(await read(format, sealedAs('{"nextFullMaintenance":"0001-01-01T00:00:00Z"}'))).toEqual({
      runs: new Map(),
    });
    const times = '"start":"2026-01-01T00:00:00.123456789Z","end":"2026-01-01T02:00:01+02:00"';
    const failed = sealedAs(`{"runs":{"__proto__":[{${times},"error":"disk full"}]}}`);
    const start = new Date('2026-01-01T00:00:00.123Z');
    const end = new Date('2026-01-01T00:00:01Z');
    expect((await read(format, failed))?.runs.get('__proto__')).toEqual([
      { start, end, success: false, error: 'disk full' },
    ]);
    for (const [bytes, message] of [
      [Buffer.from('{}'), 'fewer bytes'],
      [Buffer.alloc(200), 'decryption failed'],
      [sealedAs('[]'), 'no JSON object'],
      [sealedAs('{"runs":{"snapshot-gc":[{}]}}'), 'a run has no time'],
      [sealedAs('{"nextFullMaintenance":"tomorrow"}'), 'no time'],
    ] as const) {
      await expect(read(format, bytes)).rejects.toEqual(
        error('KOPIA_MAINTENANCE_UNREADABLE', message),
      );
    }
  });
});
