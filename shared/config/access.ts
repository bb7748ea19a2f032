import type { Access, Place } from './config.ts';
import { parseLocationUrl } from './location.ts';
import type { EntryProblem } from './problem.ts';
import type { AccessEntry } from './schema-parts.ts';
import { parseSecretReference, type SecretReference } from './secret.ts';

/** The place that a valid entry of the configuration names. */
export function placeOf(entry: AccessEntry): Place {
  return { location: parseLocationUrl(entry.url), access: accessOf(entry) };
}

function accessOf(entry: AccessEntry): Access {
  const id = reference(entry.accessKeyId);
  const secret = reference(entry.secretAccessKey);
  const accountKey = reference(entry.accountKey);
  const { roleArn, tenantId, clientId } = entry;
  return {
    ...(roleArn !== undefined && { roleArn }),
    ...(tenantId !== undefined && clientId !== undefined && { entra: { tenantId, clientId } }),
    ...(id !== undefined && secret !== undefined && { accessKey: { id, secret } }),
    ...(accountKey !== undefined && { accountKey }),
  };
}

/** A reference of the file that the schema has checked. */
export function reference(text: string | undefined): SecretReference | undefined {
  return text === undefined ? undefined : parseSecretReference(text);
}

const KIND_OF_KEY = {
  roleArn: 's3',
  tenantId: 'azblob',
  clientId: 'azblob',
  accessKeyId: 's3',
  secretAccessKey: 's3',
  accountKey: 'azblob',
} as const;
type AccessKey = keyof typeof KIND_OF_KEY;

const PAIRS: readonly (readonly [AccessKey, AccessKey])[] = [
  ['tenantId', 'clientId'],
  ['accessKeyId', 'secretAccessKey'],
];

/** Keys whose value does not expire: for stores that know no identities (S12). */
const STATIC_KEYS: readonly AccessKey[] = ['accessKeyId', 'secretAccessKey', 'accountKey'];

/** What does not fit together between the address and the identity of one place. */
export function accessProblems(entry: AccessEntry): readonly EntryProblem[] {
  const location = parseLocationUrl(entry.url);
  const given = (Object.keys(KIND_OF_KEY) as AccessKey[]).filter((key) => entry[key] !== undefined);
  const problems: EntryProblem[] = [];
  for (const key of given) {
    const wanted = KIND_OF_KEY[key];
    if (wanted !== location.kind) {
      const message = `"${key}" is for ${wanted}:// locations, and this is ${location.kind}://`;
      problems.push({ path: [key], message, hint: `Remove "${key}"` });
    } else if (STATIC_KEYS.includes(key) && !('endpoint' in location)) {
      const hint =
        location.kind === 's3'
          ? 'Use "roleArn" or the standard chain of the SDK; for an S3-compatible store add "endpoint" to the URL'
          : 'Use "tenantId" and "clientId" or the standard chain; for an emulator add "endpoint" to the URL';
      const message = `"${key}" is only for stores with an "endpoint" of their own`;
      problems.push({ path: [key], message, hint });
    }
  }
  for (const [left, right] of PAIRS) {
    const [one, other] = given.includes(left) ? [left, right] : [right, left];
    if (given.includes(one) && !given.includes(other)) {
      problems.push({ path: [one], message: `"${one}" needs "${other}" beside it` });
    }
  }
  for (const [one, other] of [
    ['roleArn', 'accessKeyId'],
    ['tenantId', 'accountKey'],
  ] as const) {
    if (given.includes(one) && given.includes(other)) {
      const message = `"${one}" and "${other}" exclude each other`;
      problems.push({ path: [one], message, hint: 'Keep the one that the store knows' });
    }
  }
  return problems;
}
