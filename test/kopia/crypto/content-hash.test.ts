import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blake3DeriveKey } from '../../../shared/kopia/crypto/blake3-derive.ts';
import {
  createContentHash,
  digestBytesOf,
  takesSecret,
} from '../../../shared/kopia/crypto/content-hash.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
/** The input of the official BLAKE3 vectors. */
const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i % 251);
const ascii = (text: string): Uint8Array => Buffer.from(text);
const KEY = counting(32);
const MESSAGE = counting(1000);
const PHRASE = ascii('Sample message for keylen<blocklen');

describe('createContentHash()', () => {
  const cases: readonly (readonly [string, Uint8Array | undefined, Uint8Array, string, string])[] =
    [
      // Kopia's own tests.
      [
        'BLAKE2B-256-128',
        undefined,
        Uint8Array.of(1, 2, 3),
        '11c0e79b71c3976ccd0c02d1310e2516',
        '',
      ],
      // The first BLAKE2 vectors of the reference implementation (testvectors/blake2-kat.json).
      [
        'BLAKE2S-256',
        KEY,
        counting(0),
        '48a8997da407876b3d79c0d92325ad3b',
        '89cbb754d86ab71aee047ad345fd2c49',
      ],
      [
        'BLAKE2S-256',
        KEY,
        counting(64),
        '8975b0577fd35566d750b362b0897a26',
        'c399136df07bababbde6203ff2954ed4',
      ],
      [
        'BLAKE2S-256',
        undefined,
        counting(3),
        'e8f91c6ef232a041452ab0e149070cdd',
        '7dd1769e75b3a5921be37876c45c9900',
      ],
      // hashlib of Python 3: digest_size and key as Kopia sets them, which no published vector has.
      [
        'BLAKE2B-256',
        KEY,
        MESSAGE,
        'bf9c0d3a2590251349ad634ad07f0395',
        '8d0be63d5f9533daf62752de734b2c76',
      ],
      ['BLAKE2B-256-128', KEY, MESSAGE, 'bf9c0d3a2590251349ad634ad07f0395', ''],
      [
        'BLAKE2B-256',
        counting(64),
        MESSAGE,
        'c3159507ea5f870ec11f0b2192472e3e',
        'ed43ceab71f09c782ffd52c64601eab1',
      ],
      [
        'BLAKE2B-256',
        counting(5),
        MESSAGE,
        '7f277fe6313d3f6d22243de8b5164463',
        'e5a9b585a5aeae0dd95c6eb5306656c2',
      ],
      [
        'BLAKE2B-256',
        undefined,
        MESSAGE,
        'b372d0608f720c8c3dd41e9c8eecb101',
        '43b41abe520b616607e754bf79c08331',
      ],
      ['BLAKE2S-128', KEY, MESSAGE, '8a0c93d51ede746600ef0dd2b32d6fb3', ''],
      // The official BLAKE3 vectors (test_vectors.json).
      [
        'BLAKE3-256',
        ascii('whats the Elvish word for friend'),
        counting(0),
        '92b2b75604ed3c761f9d6f62392c8a92',
        '27ad0ea3f09573e783f1498a4ed60d26',
      ],
      [
        'BLAKE3-256',
        ascii('whats the Elvish word for friend'),
        counting(1025),
        '357dc55de0c7e382c900fd6e320acc04',
        '146be01db6a8ce7210b7189bd664ea69',
      ],
      [
        'BLAKE3-256-128',
        ascii('whats the Elvish word for friend'),
        counting(31744),
        'efa53b389ab67c593dba624d898d0f73',
        '',
      ],
      // HMAC without a key, of nothing: published in many places, among them Wikipedia.
      [
        'HMAC-SHA256',
        undefined,
        counting(0),
        'b613679a0814d9ec772f95d778c35fc5',
        'ff1697c493715653c6c712144292c5ad',
      ],
      // NIST's examples of HMAC-SHA3, RFC 4231 and Kopia's tests.
      [
        'HMAC-SHA3-224',
        counting(28),
        PHRASE,
        '332cfd59347fdb8e576e77260be4aba2',
        'd6dc53117b3bfb52c6d18c04',
      ],
      [
        'HMAC-SHA3-256',
        KEY,
        PHRASE,
        '4fe8e202c4f058e8dddc23d8c34e4673',
        '43e23555e24fc2f025d598f558f67205',
      ],
      [
        'HMAC-SHA224',
        ascii('Jefe'),
        ascii('what do ya want for nothing?'),
        'a30e01098bc6dbbf45690f3a7e9e6d0f',
        '8bbea2a39e6148008fd05e44',
      ],
      [
        'HMAC-SHA256',
        ascii('key'),
        ascii('The quick brown fox jumps over the lazy dog'),
        'f7bc83f430538424b13298e6aa6fb143',
        'ef4d59a14946175997479dbc2d1a3cd8',
      ],
      [
        'HMAC-SHA256-128',
        ascii('key'),
        ascii('The quick brown fox jumps over the lazy dog'),
        'f7bc83f430538424b13298e6aa6fb143',
        '',
      ],
    ];
  test.each(cases)('%s, case %#', async (name, secret, message, first, rest) => {
    const hash = await createContentHash(name, secret);
    expect(hex(hash.digest(message))).toBe(first + rest);
    expect(hash.digestBytes).toBe((first + rest).length / 2);
    expect(digestBytesOf(name)).toBe(hash.digestBytes);
  });

  // The reference implementation by its Python binding: derive_key_context, then key.
  test.each([
    [undefined, 'e9aab8ce79233dc112d05ebedda0584d', 'f979dc32c67604bfb07ffb8bac570a16'],
    [ascii('short'), 'a9b02a5eec217dd38e8ed072b96fc5af', 'ef171574f4ab052a473dddf39daff979'],
    [counting(31), '51a8404b61e6e7d5f1c98ae2214727c0', 'f965e149603f766ed92b7ff61d4b2757'],
    [counting(32), '47dd277ce3b32da53d45a74b5ce13528', '2e1d86126c2f3897accb53b268198a6c'],
    [counting(40), '47dd277ce3b32da53d45a74b5ce13528', '2e1d86126c2f3897accb53b268198a6c'],
  ])(
    'BLAKE3 stretches a short secret and cuts a long one, case %#',
    async (secret, first, rest) => {
      const whole = await createContentHash('BLAKE3-256', secret);
      const half = await createContentHash('BLAKE3-256-128', secret);
      expect(hex(whole.digest(MESSAGE))).toBe(first + rest);
      expect(hex(half.digest(MESSAGE))).toBe(first);
    },
  );

  test.each(['BLAKE2B-256-128', 'BLAKE3-256', 'HMAC-SHA3-224'])(
    '%s: hashes under way at once do not meet, whatever is given up',
    async (name) => {
      const hash = await createContentHash(name, KEY);
      const piece = fc.uint8Array({ maxLength: 300 });
      const step = fc.record({ which: fc.nat({ max: 2 }), piece, between: fc.boolean() });
      fc.assert(
        fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
          const pieces: Uint8Array[][] = [[], [], []];
          const running = pieces.map(() => hash.start());
          for (const { which, piece: bytes, between } of steps) {
            running[which]?.update(bytes);
            pieces[which]?.push(bytes);
            if (between) hash.digest(bytes);
          }
          hash.start().update(MESSAGE);
          const expected = pieces.map((each) => hex(hash.digest(Buffer.concat(each))));
          expect(running.map((each) => hex(each.digest()))).toEqual(expected);
        }),
      );
    },
  );

  test('answers with an array of its own each time', async () => {
    const hash = await createContentHash('BLAKE2B-256-128', KEY);
    const first = hash.digest(counting(1));
    const before = hex(first);
    hash.digest(counting(2));
    expect(hex(first)).toBe(before);
  });

  test('refuses a name that no Kopia has, and a secret that it would refuse', async () => {
    await expect(createContentHash('MD5', KEY)).rejects.toThrow('"MD5"');
    await expect(createContentHash('__proto__', KEY)).rejects.toThrow(RangeError);
    await expect(createContentHash('BLAKE2S-128', undefined)).rejects.toThrow('0 bytes');
    await expect(createContentHash('BLAKE2S-256', counting(33))).rejects.toThrow('33 bytes');
    expect(takesSecret('BLAKE2B-256', 64)).toBe(true);
    expect(takesSecret('BLAKE2B-256', 65)).toBe(false);
    expect(digestBytesOf('toString')).toBeUndefined();
  });
});

describe('blake3DeriveKey()', () => {
  // The official vectors (test_vectors.json), as far as they fit one block.
  test.each([
    [0, '2cc39783c223154fea8dfb7c1b1660f2', 'ac2dcbd1c1de8277b0b0dd39b7e50d7d'],
    [1, 'b3e2e340a117a499c6cf2398a19ee0d2', '9cca2bb7404c73063382693bf66cb06c'],
    [7, 'dc3b6485f9d94935329442916b0d0596', '85ba815a1fa2a14107217453a7fc9f0e'],
    [63, 'b6451e30b953c206e34644c6803724e9', 'd2725e0893039cfc49584f991f451af3'],
    [64, 'a5c4a7053fa86b64746d4bb688d06ad1', 'f02a18fce9afd3e818fefaa7126bf73e'],
  ])('of %i bytes', (length, first, rest) => {
    const context = 'BLAKE3 2019-12-27 16:29:52 test vectors context';
    expect(hex(blake3DeriveKey(context, counting(length)))).toBe(first + rest);
  });

  test('refuses what does not fit one block', () => {
    expect(() => blake3DeriveKey('context', counting(65))).toThrow(RangeError);
  });
});
