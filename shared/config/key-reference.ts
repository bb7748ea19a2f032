import { parseSecretReference, SECRET_FORMS, type SecretReference } from './secret.ts';

/**
 * Where a signing key is kept: as PEM behind a secret reference, or in a service of a cloud that
 * signs with it and never gives it away.
 */
export type KeyReference =
  | SecretReference
  | {
      readonly scheme: 'awskms';
      /** Of a key or an alias; it names the region as well. */
      readonly arn: string;
      readonly region: string;
    }
  | {
      readonly scheme: 'azurekeyvault';
      /** `https://<vault>/keys/<name>` or with `/<version>`, without a slash at its end. */
      readonly url: string;
    };

export const KEY_FORMS = `${SECRET_FORMS}, awskms:arn:aws:kms:… or azurekeyvault:https://<vault>.vault.azure.net/keys/<name>`;

const KMS_ARN = /^arn:aws[a-z-]*:kms:([a-z0-9-]{1,40}):\d{12}:(?:key|alias)\/[\w/-]{1,256}$/;
/**
 * Vaults and managed HSMs of the public cloud and the national ones. A token is sent there, so that
 * nothing else will do.
 */
const VAULT_KEY =
  /^https:\/\/[a-z0-9-]{3,24}\.(?:vault\.azure\.net|vault\.azure\.cn|vault\.usgovcloudapi\.net|managedhsm\.azure\.net)\/keys\/[0-9A-Za-z-]{1,127}(?:\/[0-9a-f]{32})?$/;

/** `undefined` when `text` is no reference. It may then be the key itself: never show it. */
export function parseKeyReference(text: string): KeyReference | undefined {
  const arn = /^awskms:(.*)$/.exec(text)?.[1];
  if (arn !== undefined) {
    const region = KMS_ARN.exec(arn)?.[1];
    return region === undefined ? undefined : { scheme: 'awskms', arn, region };
  }
  const url = /^azurekeyvault:(.*?)\/?$/.exec(text)?.[1];
  if (url === undefined) return parseSecretReference(text);
  return isVaultKey(url) ? { scheme: 'azurekeyvault', url } : undefined;
}

/** Whether `url` is that of a key in a vault of Azure's, and nothing more. */
export function isVaultKey(url: string): boolean {
  return VAULT_KEY.test(url);
}
