import { readFile } from 'node:fs/promises';
import type { KeyReference } from '../../shared/config/key-reference.ts';
import { resolveSecret } from '../../shared/config/secret.ts';
import { ed25519Signer, type Signer } from '../../shared/ledger/signature.ts';
import { RETRY_DEFAULTS, repeating } from '../../shared/stores/retrying.ts';
import type { StoreContext } from '../stores.ts';

/**
 * Who signs with the key of `reference`. A key of KMS or Key Vault is asked for its public half at
 * once, so that one that cannot sign is found before the work, not after it.
 *
 * @throws DrydockError `SECRET_UNRESOLVED`, `SIGNING_KEY_INVALID`; StoreError when the service does
 * not answer or refuses
 */
export async function openSigner(
  reference: KeyReference,
  { env, clock }: Pick<StoreContext, 'env' | 'clock'>,
): Promise<Signer> {
  switch (reference.scheme) {
    case 'awskms': {
      const { kmsSigner } = await import('./kms.ts');
      return kmsSigner(reference.arn, reference);
    }
    case 'azurekeyvault': {
      const { keyVaultSigner } = await import('./key-vault.ts');
      const { entraCredential } = await import('./identity.ts');
      const repeat = repeating({ ...RETRY_DEFAULTS, random: Math.random }, clock);
      return keyVaultSigner(reference.url, {
        credential: await entraCredential(undefined, env),
        repeat,
      });
    }
    default: {
      const sources = { env, readFile: (path: string) => readFile(path, 'utf8') };
      return ed25519Signer(await resolveSecret(reference, sources));
    }
  }
}
