import { describe, expect, test } from 'vitest';
import { createContentCipher } from '../../../shared/kopia/crypto/content-cipher.ts';
import { deriveKey, passwordDerivation } from '../../../shared/kopia/crypto/key-derivation.ts';
import { UNKEPT } from '../../support/derived-keys.ts';

describe('keys', () => {
  // Kopia's own tests (internal/crypto).
  test('are derived from a key by HKDF', () => {
    const key = deriveKey(
      Buffer.from('ABCDEFGHIJKLMNOP'),
      Buffer.from('0123456789012345'),
      'the-test-purpose',
    );
    expect(key.toString('hex')).toBe(
      ['828769ee8969bc37f11dbaa32838f8db', '6c19daa6e3ae5f5eed2da2d94d8faddb'].join(''),
    );
  });

  test('are derived from a password while the event loop lives on', async () => {
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    try {
      await passwordDerivation('scrypt-65536-8-1')?.(UNKEPT, Buffer.alloc(16));
    } finally {
      clearInterval(timer);
    }
    expect(turns).toBeGreaterThan(0);
  });

  test.each([
    'testing-only-insecure',
    'scrypt-1099511627776-8-1',
    'scrypt-65536-8-1 ',
    'constructor',
    '',
  ])('are not derived by "%s"', (name) => {
    expect(passwordDerivation(name)).toBeUndefined();
  });
});

describe('createContentCipher()', () => {
  // Kopia's own tests (repo/encryption), whose "hash" of 32 bytes is used whole.
  test.each([
    ['AES256-GCM-HMAC-SHA256', 'e43ba07f85a6d70c5f1102ca06cf19c597e5f91e527b21f00fb76e8bec3fd1'],
    [
      'CHACHA20-POLY1305-HMAC-SHA256',
      '118359f3d4d589d939efbbc3168ae4c77c51bcebce6845fe6ef5d11342faa6',
    ],
  ])('opens what Kopia sealed with %s', (encryption, sealed) => {
    const cipher = createContentCipher(encryption, Buffer.from('01234567890123456789012345678901'));
    const iv = Buffer.from('aabbccddeeffgghhiijjkkllmmnnoopp');
    const bytes = Buffer.from(sealed, 'hex');
    expect(cipher.open(bytes, iv).toString()).toBe('foo');
    for (let i = 0; i < bytes.length; i += 1) {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8(damaged.readUInt8(i) ^ 1, i);
      expect(() => cipher.open(damaged, iv)).toThrow(
        expect.objectContaining({ reason: 'not-authentic' }),
      );
    }
    expect(() => cipher.open(bytes.subarray(0, 27), iv)).toThrow(
      expect.objectContaining({ reason: 'too-short' }),
    );
  });

  test('refuses other names', () => {
    expect(() => createContentCipher('AES-256-CTR', Buffer.alloc(32))).toThrow('"AES-256-CTR"');
  });
});
