import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import type { Access } from '../../shared/config/config.ts';
import type { S3Location } from '../../shared/config/location.ts';
import { resolveSecret, type SecretSources } from '../../shared/config/secret.ts';
import { roleCredentials } from './identity.ts';

/** Silence for this long on a connection is a broken connection. */
const SOCKET_TIMEOUT_MS = 60_000;
const CONNECTION_TIMEOUT_MS = 10_000;
const SOCKETS_MAX = 256;

/**
 * A client for the bucket of `location`. It never repeats a request by itself: that is the
 * `retrying` wrapper's work alone.
 */
export async function s3Client(
  location: S3Location,
  access: Access,
  sources: SecretSources,
): Promise<S3Client> {
  const { S3Client } = await import('@aws-sdk/client-s3');
  const { S3_CLIENT_SETTINGS } = await import('../../shared/stores/s3.ts');
  const config: S3ClientConfig = {
    ...S3_CLIENT_SETTINGS,
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      socketTimeout: SOCKET_TIMEOUT_MS,
      httpAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
      httpsAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
    },
    ...(location.endpoint === undefined
      ? { followRegionRedirects: true }
      : { endpoint: location.endpoint, forcePathStyle: true }),
    ...(await credentials(location, access, sources)),
  };
  const region = location.region ?? (await configuredRegion(S3Client, location));
  return new S3Client({ ...config, region });
}

/** The region of the environment or profile; else the one whose answers name the right one. */
async function configuredRegion(Client: typeof S3Client, location: S3Location): Promise<string> {
  if (location.endpoint !== undefined) return 'us-east-1';
  const probe = new Client({});
  try {
    return await probe.config.region();
  } catch {
    return 'us-east-1';
  } finally {
    probe.destroy();
  }
}

async function credentials(
  location: S3Location,
  access: Access,
  sources: SecretSources,
): Promise<Pick<S3ClientConfig, 'credentials'>> {
  if (access.accessKey !== undefined) {
    const accessKeyId = await resolveSecret(access.accessKey.id, sources);
    const secretAccessKey = await resolveSecret(access.accessKey.secret, sources);
    return { credentials: { accessKeyId, secretAccessKey } };
  }
  if (access.roleArn === undefined) return {};
  return { credentials: roleCredentials(access.roleArn, location.region, sources.env) };
}
