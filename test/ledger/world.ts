import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import {
  appendEvidence,
  type EvidenceDeps,
  type EvidenceEntry,
} from '../../shared/ledger/evidence.ts';
import type { Chain } from '../../shared/ledger/evidence-record.ts';
import { ed25519Signer, publicKeyVerifier } from '../../shared/ledger/signature.ts';
import { collect } from '../../shared/stores/checksum.ts';
import { fileStore } from '../../shared/stores/file.ts';
import { memoryStore } from '../../shared/stores/memory.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { fakeClock } from '../support/clock.ts';

export const CHAIN: Chain = { job: 'verify', location: 's3://acme-backups/velero' };
export const START = Date.parse('2026-01-01T00:00:00Z');
export const HOUR_MS = 3_600_000;
export const at = (hours: number): string => new Date(START + hours * HOUR_MS).toISOString();

let ids = 0;
export const uniqueId = (): string => `id-${ids++}`;

export const STORES = {
  memory: async () => memoryStore('state', fakeClock()),
  file: async () => {
    const path = await mkdtemp(join(tmpdir(), 'drydock-ledger-'));
    onTestFinished(() => rm(path, { recursive: true, force: true }));
    return fileStore({ path });
  },
} as const satisfies Record<string, () => Promise<ObjectStore>>;

export const entry = (n: number): EvidenceEntry => ({
  at: at(n),
  runId: `run-${n}`,
  content: { n },
});

/** A chain of `records` records, an hour apart. */
export async function appendMany(
  deps: EvidenceDeps,
  records: number,
  chain: Chain = CHAIN,
): Promise<void> {
  for (let n = 1; n <= records; n += 1) {
    await appendEvidence(deps, chain, entry(n));
  }
}

export async function keysOf(state: ObjectStore, prefix = ''): Promise<string[]> {
  return Array.fromAsync(state.list(prefix), ({ key }) => key);
}

export async function textOf(state: ObjectStore, key: string): Promise<string> {
  return Buffer.from(await collect((await state.read(key)).body)).toString('utf8');
}

export async function put(state: ObjectStore, key: string, text: string | Uint8Array) {
  const bytes = Buffer.from(text as string);
  return state.write(
    key,
    async function* () {
      yield bytes;
    },
    { sizeBytes: bytes.length },
  );
}

export function signingKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return { privateKey, signer: ed25519Signer(privateKey), verifier: publicKeyVerifier(publicKey) };
}
