import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type CryptoSpec,
  createRepositoryCrypto,
  type RepositoryCrypto,
} from '../../../shared/kopia/crypto/repository-crypto.ts';
import type { SealReason } from '../../../shared/kopia/crypto/seal-error.ts';
import { createSeals, type Seals } from '../../support/kopia-writer/keys.ts';
import { randomFrom } from '../../support/kopia-writer/random.ts';

const random = randomFrom('repository-crypto');
const SPEC: CryptoSpec = {
  hash: 'BLAKE2B-256-128',
  secret: random(32),
  encryption: 'AES256-GCM-HMAC-SHA256',
  masterKey: random(32),
  eccOverheadPercent: 0,
};
const reason = (name: SealReason) => expect.objectContaining({ name: 'SealError', reason: name });

interface Blob {
  readonly id: string;
  readonly stored: Buffer;
}

/** A blob as Kopia names and seals it. */
function sealBlob(seals: Seals, prefix: string, plain: Uint8Array, suffix = ''): Blob {
  const hash = seals.digest(plain);
  return { id: `${prefix}${hash.toString('hex')}${suffix}`, stored: seals.seal(plain, hash) };
}

/** `bytes` in pieces of these sizes, each in a buffer that is overwritten once it was taken. */
async function* inPieces(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const size of [...sizes, bytes.length]) {
    const piece = Buffer.from(bytes.subarray(from, from + size));
    yield piece;
    piece.fill(0xee);
    from += size;
  }
}

async function drain(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(pieces));
}

describe.each([
  ['BLAKE2B-256-128', 'AES256-GCM-HMAC-SHA256'],
  ['BLAKE3-256', 'CHACHA20-POLY1305-HMAC-SHA256'],
  ['HMAC-SHA224', 'AES256-GCM-HMAC-SHA256'],
])('a repository with %s and %s', (hash, encryption) => {
  let crypto: RepositoryCrypto;
  let seals: Seals;

  beforeAll(async () => {
    crypto = await createRepositoryCrypto({ ...SPEC, hash, encryption });
    const { secret, masterKey } = SPEC;
    seals = await createSeals({ hash, encryption, secret, masterKey }, random);
  });

  test('streams a blob in whatever pieces it comes, in a buffer that is used again', async () => {
    const sizes = fc.array(fc.nat({ max: 50 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), sizes, async (plain, cuts) => {
        const { id, stored } = sealBlob(seals, 'xn0_', plain, '-s0123456789abcdef-c1');
        const opened = await drain(crypto.openBlob(id, inPieces(stored, cuts)));
        expect(opened.equals(plain)).toBe(true);
      }),
    );
  });

  test('opens several blobs and contents at once', async () => {
    const plains = [random(300_000), random(10), random(70_000)];
    const blobs = plains.map((plain) => sealBlob(seals, 'n', plain));
    const digest = seals.digest(plains[1] ?? random(0));
    const opened = await Promise.all(
      blobs.map(async ({ id, stored }) => {
        const pieces: Buffer[] = [];
        for await (const piece of crypto.openBlob(id, inPieces(stored, Array(90).fill(3000)))) {
          pieces.push(piece);
          expect(digest.equals(crypto.hash.digest(plains[1] ?? random(0)))).toBe(true);
          await new Promise(setImmediate);
        }
        return Buffer.concat(pieces);
      }),
    );
    expect(opened.map((each, i) => each.equals(plains[i] ?? each))).toEqual([true, true, true]);
  });

  test('says why a blob is not what its name promises', async () => {
    const plain = random(1000);
    const { id, stored } = sealBlob(seals, 'n', plain);
    const open = (blobId: string, bytes: Uint8Array) =>
      drain(crypto.openBlob(blobId, inPieces(bytes, [100, 500])));
    for (const at of [0, 11, 12, 500, stored.length - 17, stored.length - 1]) {
      const flipped = Buffer.from(stored);
      flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
      await expect(open(id, flipped)).rejects.toEqual(reason('not-authentic'));
    }
    await expect(open(id, stored.subarray(0, -1))).rejects.toEqual(reason('not-authentic'));
    await expect(open(id, Buffer.concat([stored, random(1)]))).rejects.toEqual(
      reason('not-authentic'),
    );
    await expect(open(id, stored.subarray(0, 27))).rejects.toEqual(reason('too-short'));
    await expect(open(id, Buffer.alloc(0))).rejects.toEqual(reason('too-short'));
    // What Kopia would take: sealed with the right key, under the name of other bytes.
    const hash = Buffer.from(id.slice(1), 'hex');
    const lying = seals.seal(random(1000), hash);
    await expect(open(id, lying)).rejects.toEqual(reason('hash-mismatch'));
    for (const name of ['n', 'n-s0123', `n${'g'.repeat(64)}`, '']) {
      await expect(open(name, stored)).rejects.toEqual(reason('hash-mismatch'));
    }
  });

  test('holds no more of a small blob than it may', async () => {
    const { id, stored } = sealBlob(seals, 'm', random(1000));
    expect((await crypto.readBlob(id, inPieces(stored, []), 1000)).length).toBe(1000);
    await expect(crypto.readBlob(id, inPieces(stored, []), 999)).rejects.toEqual(
      reason('too-large'),
    );
    let taken = 0;
    async function* endless() {
      for (; taken < 1000; taken += 1) yield random(100);
    }
    await expect(crypto.readBlob(id, endless(), 999)).rejects.toEqual(reason('too-large'));
    expect(taken).toBeLessThan(20);
  });

  test('opens a content, and refuses it under another hash or cut', () => {
    const plain = random(500);
    const hash256 = seals.digest(plain);
    const stored = seals.seal(plain, hash256);
    expect(crypto.open(stored, hash256).equals(plain)).toBe(true);
    expect(() => crypto.open(stored, seals.digest(random(1)))).toThrow(reason('not-authentic'));
    expect(() => crypto.open(stored.subarray(1), hash256)).toThrow(reason('not-authentic'));
    expect(() => crypto.open(stored.subarray(0, 27), hash256)).toThrow(reason('too-short'));
  });
});

test('what opens a repository can be sent to a worker thread', async () => {
  const { secret, masterKey } = SPEC;
  const seals = await createSeals({ ...SPEC, secret, masterKey }, random);
  const crypto = await createRepositoryCrypto(structuredClone(SPEC));
  const plain = random(10);
  const hash = seals.digest(plain);
  expect(hash.equals(crypto.hash.digest(plain))).toBe(true);
  expect(crypto.open(seals.seal(plain, hash), hash).equals(plain)).toBe(true);
});

test('with error correction a blob of any bytes has a reason too', async () => {
  const crypto = await createRepositoryCrypto({ ...SPEC, eccOverheadPercent: 10 });
  const bytes = fc.uint8Array({ maxLength: 3000 });
  await fc.assert(
    fc.asyncProperty(bytes, async (stored) => {
      const id = `n${'0'.repeat(32)}`;
      await expect(drain(crypto.openBlob(id, inPieces(stored, [10])))).rejects.toMatchObject({
        name: 'SealError',
      });
    }),
  );
});
