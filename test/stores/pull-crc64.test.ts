import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createHasher } from '../../shared/stores/checksum.ts';
import { combineCrc64, reversedBytes } from '../../shared/stores/pull-crc64.ts';

async function crcOf(bytes: Uint8Array): Promise<string> {
  const hasher = await createHasher(new Set(['crc64nvme'] as const));
  hasher.update(bytes);
  return hasher.digest().crc64nvme ?? '';
}

describe('combineCrc64()', () => {
  test('of any division is the checksum of the whole', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
      async (parts) => {
        const pieces = await Promise.all(
          parts.map(async (part) => ({
            crc64nvme: await crcOf(part),
            lengthBytes: part.byteLength,
          })),
        );
        expect(combineCrc64(pieces)).toBe(await crcOf(Buffer.concat(parts)));
      },
    );
    await fc.assert(property, { numRuns: 100 });
  });

  test('of pieces as large as blocks are', async () => {
    const [one, two] = [randomBytes(8 * 1024 * 1024), randomBytes(3 * 1024 * 1024 + 1)];
    const pieces = await Promise.all(
      [one, two].map(async (part) => ({ crc64nvme: await crcOf(part), lengthBytes: part.length })),
    );
    expect(combineCrc64(pieces)).toBe(await crcOf(Buffer.concat([one, two])));
    expect(combineCrc64([...pieces].reverse())).not.toBe(combineCrc64(pieces));
  });

  test('depends on lengths beyond 32 bits', async () => {
    // Zeros put behind, in one step of 5 GiB and in five of 1 GiB: by the law of powers alike.
    const crc64nvme = await crcOf(Buffer.from('hello'));
    const gibibyte = 1024 ** 3;
    const none = { crc64nvme: '0'.repeat(16) };
    const once = combineCrc64([
      { crc64nvme, lengthBytes: 5 },
      { ...none, lengthBytes: 5 * gibibyte },
    ]);
    const steps = Array.from({ length: 5 }, () => ({ ...none, lengthBytes: gibibyte }));
    expect(combineCrc64([{ crc64nvme, lengthBytes: 5 }, ...steps])).toBe(once);
    expect(once).not.toBe(crc64nvme);
  });

  test('of nothing is that of no bytes', async () => {
    expect(combineCrc64([])).toBe(await crcOf(new Uint8Array()));
  });
});

test('reversedBytes() turns the one vendor\'s checksum of "hello" into the other\'s', async () => {
  const hex = await crcOf(Buffer.from('hello'));
  expect(Buffer.from(hex, 'hex').toString('base64')).toBe('M3eFcAZSQlc=');
  expect(Buffer.from(reversedBytes(hex)).toString('base64')).toBe('V0JSBnCFdzM=');
});
