import { expect, test } from 'vitest';
import { parseKeyReference } from '../../shared/config/key-reference.ts';

const ARN = 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const VAULT = 'https://backups.vault.azure.net/keys/evidence';

test('names a key of KMS with its region, a key of a vault, or a secret', () => {
  const region = 'eu-central-1';
  expect(parseKeyReference(`awskms:${ARN}`)).toEqual({ scheme: 'awskms', arn: ARN, region });
  const alias = 'arn:aws-cn:kms:cn-north-1:111122223333:alias/drydock/evidence';
  expect(parseKeyReference(`awskms:${alias}`)).toMatchObject({ arn: alias, region: 'cn-north-1' });
  const [scheme, version] = ['azurekeyvault', '0123456789abcdef0123456789abcdef'];
  expect(parseKeyReference(`azurekeyvault:${VAULT}/`)).toEqual({ scheme, url: VAULT });
  const url = `${VAULT}/${version}`;
  expect(parseKeyReference(`azurekeyvault:${url}`)).toEqual({ scheme, url });
  expect(parseKeyReference('env:SIGNING_KEY')).toEqual({ scheme: 'env', name: 'SIGNING_KEY' });
  expect(parseKeyReference('file:/etc/key.pem')).toEqual({ scheme: 'file', path: '/etc/key.pem' });
});

test.each([
  'awskms:1234abcd-12ab-34cd-56ef-1234567890ab',
  'awskms:alias/evidence',
  'awskms:arn:aws:s3:::bucket',
  `awskms:${ARN}\n`,
  'azurekeyvault:backups',
  'azurekeyvault:http://backups.vault.azure.net/keys/evidence',
  'azurekeyvault:https://evil.example/keys/evidence',
  'azurekeyvault:https://backups.vault.azure.net.evil.example/keys/evidence',
  'azurekeyvault:https://evil.example@backups.vault.azure.net/keys/evidence',
  'azurekeyvault:https://backups.vault.azure.net:8443/keys/evidence',
  'azurekeyvault:https://backups.vault.azure.net/keys/evidence?x=1',
  'azurekeyvault:https://backups.vault.azure.net/secrets/evidence',
  'azurekeyvault:https://backups.vault.azure.net/keys/../secrets/evidence',
  '-----BEGIN PRIVATE KEY-----',
])('%j names no key', (text) => {
  expect(parseKeyReference(text)).toBeUndefined();
});
