import { createHash, createHmac } from 'node:crypto';
import type { TokenCredential } from '@azure/identity';
import { cachedToken, type TokenProvider } from '../../shared/kubernetes/connection.ts';
import { KubernetesError } from '../../shared/kubernetes/kubernetes-error.ts';
import type { Clock } from '../../shared/model/clock.ts';
import type { RoleCredentials } from './identity.ts';

/** Tokens by which the managed API servers of both clouds know us. */

/** The server accepts a token for 15 minutes after it was signed. */
const EKS_TOKEN_LIFE_MS = 10 * 60_000;
/** Of the presigned request itself; the server looks at its own limit, and demands at most this. */
const EXPIRES_SECONDS = 60;
const EMPTY_SHA256 = createHash('sha256').digest('hex');

export interface EksCluster {
  readonly name: string;
  readonly region: string;
}

/**
 * Tokens for an EKS cluster: a signed request to STS to say who we are, which the cluster's
 * webhook carries out. `credentials` are asked anew for each token.
 */
export function eksToken(
  cluster: EksCluster,
  credentials: () => Promise<RoleCredentials>,
  clock: Clock,
): TokenProvider {
  const sign = async () => {
    const own = await credentials().catch((error: unknown) => {
      throw noToken('an EKS token', error);
    });
    return eksTokenAt(cluster, own, clock.now());
  };
  return cachedToken(sign, EKS_TOKEN_LIFE_MS, clock);
}

/**
 * `k8s-aws-v1.` and the URL of a presigned `sts:GetCallerIdentity` (Signature Version 4, query) in
 * base64url. The header that names the cluster is part of the signature, so that a token for one
 * cluster is none for another.
 */
export function eksTokenAt(
  { name, region }: EksCluster,
  { accessKeyId, secretAccessKey, sessionToken }: RoleCredentials,
  now: Date,
): string {
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const host = `sts.${region}.${suffix}`;
  const time = now.toISOString().replace(/[-:]|\.\d{3}/g, '');
  const scope = [time.slice(0, 8), region, 'sts', 'aws4_request'];
  const query = canonicalQuery({
    Action: 'GetCallerIdentity',
    Version: '2011-06-15',
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': [accessKeyId, ...scope].join('/'),
    'X-Amz-Date': time,
    'X-Amz-Expires': String(EXPIRES_SECONDS),
    ...(sessionToken !== undefined && { 'X-Amz-Security-Token': sessionToken }),
    'X-Amz-SignedHeaders': 'host;x-k8s-aws-id',
  });
  const headers = `host:${host}\nx-k8s-aws-id:${name}\n`;
  const request = ['GET', '/', query, headers, 'host;x-k8s-aws-id', EMPTY_SHA256].join('\n');
  const digest = createHash('sha256').update(request).digest('hex');
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', time, scope.join('/'), digest].join('\n'));
  const url = `https://${host}/?${query}&X-Amz-Signature=${signature.toString('hex')}`;
  return `k8s-aws-v1.${Buffer.from(url).toString('base64url')}`;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function canonicalQuery(parameters: Readonly<Record<string, string>>): string {
  return Object.entries(parameters)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${escaped(value)}`)
    .join('&');
}

function escaped(value: string): string {
  const hex = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(value).replace(/[!'()*]/g, hex);
}

/** The application that stands for every AKS API server with Entra integration. */
const AKS_SCOPE = '6dae42f8-4368-4678-94ff-3960e28e3630/.default';
/** The credential keeps its token itself and renews it in time; we only spare the calls. */
const AKS_TOKEN_LIFE_MS = 60_000;

/** Entra tokens for AKS clusters. `credential` decides who we are (`entraCredential`). */
export function aksToken(credential: TokenCredential, clock: Clock): TokenProvider {
  const fetchToken = async () => {
    try {
      const issued = await credential.getToken(AKS_SCOPE);
      if (issued !== null) return issued.token;
    } catch (error) {
      throw noToken('an Entra token for AKS', error);
    }
    throw noToken('an Entra token for AKS', { name: 'AuthenticationError', statusCode: 401 });
  };
  return cachedToken(fetchToken, AKS_TOKEN_LIFE_MS, clock);
}

/** "Denied" only where somebody said so: a network that fails is another fact (S7). */
function noToken(what: string, cause: unknown): KubernetesError {
  const denied = isRefusal(cause);
  const { name = 'Error' } = cause as { name?: string };
  // Not the SDK's own words: they quote answers that name assertions and tokens.
  return new KubernetesError(denied ? 'denied' : 'unreachable', `Cannot get ${what}: ${name}`, {
    hint: denied
      ? 'Check which identity this process has, whom it trusts, and its role on the cluster'
      : 'Check the network and the endpoint of STS or Entra',
    cause,
  });
}

/** What the SDKs of both clouds throw when they have no credentials, or these are not accepted. */
const REFUSALS = new Set(['CredentialsProviderError', 'CredentialUnavailableError']);

function isRefusal(error: unknown): boolean {
  const { name, code, statusCode, errors } = (error ?? {}) as {
    readonly name?: string;
    readonly code?: unknown;
    readonly statusCode?: number;
    readonly errors?: readonly unknown[];
  };
  if (code === 'denied' || REFUSALS.has(name ?? '')) return true;
  if (Array.isArray(errors) && errors.length > 0) return errors.every(isRefusal);
  return statusCode === 400 || statusCode === 401 || statusCode === 403;
}
