/** Repositories of a test's own in memory: contents sealed as Kopia seals them, in packs of any shape. */
import {
  createRepositoryCrypto,
  type RepositoryCrypto,
} from '../../../shared/kopia/crypto/repository-crypto.ts';
import type { ContentEntry, ContentTable } from '../../../shared/kopia/indexes/content-table.ts';
import { bytesBody } from '../../../shared/stores/checksum.ts';
import { memoryStore } from '../../../shared/stores/memory.ts';
import type { ObjectStore } from '../../../shared/stores/store.ts';
import { systemClock } from '../../support/clock.ts';
import { createSeals } from '../../support/kopia-writer/keys.ts';
import { randomFrom } from '../../support/kopia-writer/random.ts';
import { tableOfEntries } from './fixture-contents.ts';

export interface MadeRepository {
  readonly store: ObjectStore;
  readonly prefix: string;
  readonly crypto: RepositoryCrypto;
  readonly table: ContentTable;
}

/**
 * Packs with contents of these sizes, filled with random bytes.
 * @param change makes entries lie.
 */
export async function madeRepository(
  packs: readonly (readonly number[])[],
  change: (entry: ContentEntry, position: number) => ContentEntry = (entry) => entry,
): Promise<MadeRepository> {
  const random = randomFrom('made-repository');
  const spec = {
    hash: 'BLAKE2B-256-128',
    secret: random(32),
    encryption: 'AES256-GCM-HMAC-SHA256',
    masterKey: random(32),
  };
  const seals = await createSeals(spec, random);
  const store = memoryStore('made', systemClock);
  const prefix = 'kopia/made/';
  const entries: ContentEntry[] = [];
  const names = packs.map((_, packId) => `p${packId.toString(16).padStart(32, '0')}`);
  for (const [packId, sizes] of packs.entries()) {
    const packBlob = names[packId] ?? '';
    const parts = [random(32)];
    let packOffset = 32;
    for (const sizeBytes of sizes) {
      const plain = random(sizeBytes);
      const hash = seals.digest(plain);
      const stored = seals.seal(plain, hash);
      const entry: ContentEntry = {
        id: Buffer.from(hash).toString('hex'),
        packId,
        packBlob,
        packOffset,
        packedLength: stored.length,
        originalLength: sizeBytes,
        deleted: false,
        timeSeconds: 0,
        formatVersion: 3,
        compression: 0,
        encryptionKeyId: 0,
      };
      entries.push(change(entry, entries.length));
      parts.push(Buffer.from(stored));
      packOffset += stored.length;
    }
    const bytes = Buffer.concat(parts);
    await store.write(`${prefix}${packBlob}`, bytesBody(bytes), { sizeBytes: bytes.length });
  }
  const crypto = await createRepositoryCrypto({ ...spec, eccOverheadPercent: 0 });
  return { store, prefix, crypto, table: tableOfEntries(entries, names) };
}

/** Replaces a pack by what `change` makes of its bytes. */
export async function changePack(
  { store, prefix, table }: MadeRepository,
  packId: number,
  change: (bytes: Buffer) => Uint8Array,
): Promise<void> {
  const key = `${prefix}${table.packs.name(packId)}`;
  const pieces: Uint8Array[] = [];
  for await (const piece of (await store.read(key)).body) pieces.push(piece);
  const bytes = change(Buffer.concat(pieces));
  await store.write(key, bytesBody(bytes), { sizeBytes: bytes.length });
}
