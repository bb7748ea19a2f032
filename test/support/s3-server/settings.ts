import { type Call, headerOrTrailer, type Reply, xmlReply } from './call.ts';
import { verifyBody } from './checksums.ts';
import { s3Error } from './errors.ts';
import type { S3Request } from './request.ts';
import { xmlDocument } from './xml.ts';

/**
 * Sub-resources of a bucket that are kept and given back, and have no effect here; with the answer
 * when none was put ("Actions", S3 API reference). Since 2023 S3 encrypts every new bucket.
 */
const SETTINGS: Readonly<Record<string, () => string>> = {
  encryption: () =>
    xmlDocument('ServerSideEncryptionConfiguration', {
      Rule: { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } },
    }),
  lifecycle: () => {
    throw s3Error('NoSuchLifecycleConfiguration');
  },
  'object-lock': () => {
    throw s3Error('ObjectLockConfigurationNotFoundError');
  },
  versioning: () => xmlDocument('VersioningConfiguration', {}),
};
const TIERING = 'intelligent-tiering';

/** The setting that a request is about. */
export function settingOf(request: S3Request): string | undefined {
  if (request.key !== '' || request.bucket === '') return undefined;
  return [...Object.keys(SETTINGS), TIERING].find((name) => request.param(name) !== undefined);
}

export async function putSetting(call: Call, name: string): Promise<Reply> {
  const body = await call.body();
  await verifyBody(body.bytes, headerOrTrailer(call.request, body));
  const id = name === TIERING ? `${name} ${call.request.param('id')}` : name;
  call.bucket().settings.set(id, body.bytes.toString());
  return { status: 200 };
}

export function getSetting({ bucket }: Call, name: string): Reply {
  const { settings } = bucket();
  if (name !== TIERING) return xmlReply(settings.get(name) ?? SETTINGS[name]?.() ?? '');
  const kept = [...settings].filter(([id]) => id.startsWith(`${TIERING} `));
  const list = kept.map(([, xml]) => xml.replace(/^<\?.*?\?>/, '')).join('');
  const root = 'ListBucketIntelligentTieringConfigurationsOutput';
  return xmlReply(`<${root}><IsTruncated>false</IsTruncated>${list}</${root}>`);
}
