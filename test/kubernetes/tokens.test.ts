import type { TokenCredential } from '@azure/identity';
import { describe, expect, test } from 'vitest';
import { aksToken, eksToken, eksTokenAt } from '../../functions/clients/kubernetes.ts';
import { fakeClock } from '../support/clock.ts';

const AT = new Date('2026-01-02T03:04:05Z');
const KEYS = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret/canary+key' };

/** The presigned request in a token. */
function request(token: string): URL {
  expect(token).toMatch(/^k8s-aws-v1\.[\w-]+$/);
  return new URL(Buffer.from(token.slice('k8s-aws-v1.'.length), 'base64url').toString());
}

describe('EKS', () => {
  /** Signatures by botocore 1.44.5, which `aws eks get-token` uses, at that time. */
  test.each([
    ['eu-central-1', undefined, '4628f47e7d198fdeaff7a93061baf2433f7d483389999b13d3daf474134b1106'],
    [
      'us-east-1',
      'session/token+=canary==',
      'fde9040fbb95d0d41b4379e6b7053f6ae5fad7ab4d1f11870de60e070513f066',
    ],
  ])('a token of %s is what the AWS command line makes', (region, sessionToken, signature) => {
    const credentials = { ...KEYS, ...(sessionToken !== undefined && { sessionToken }) };
    const url = request(eksTokenAt({ name: 'prod-cluster', region }, credentials, AT));
    expect(url.origin + url.pathname).toBe(`https://sts.${region}.amazonaws.com/`);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      Action: 'GetCallerIdentity',
      Version: '2011-06-15',
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Credential': `AKIAEXAMPLE/20260102/${region}/sts/aws4_request`,
      'X-Amz-Date': '20260102T030405Z',
      'X-Amz-Expires': '60',
      'X-Amz-SignedHeaders': 'host;x-k8s-aws-id',
      ...(sessionToken !== undefined && { 'X-Amz-Security-Token': sessionToken }),
      'X-Amz-Signature': signature,
    });
  });

  test('in China it is for the STS there', () => {
    const url = request(eksTokenAt({ name: 'prod', region: 'cn-north-1' }, KEYS, AT));
    expect(url.host).toBe('sts.cn-north-1.amazonaws.com.cn');
  });

  test('a token is no token for another cluster', () => {
    const of = (name: string) => eksTokenAt({ name, region: 'eu-central-1' }, KEYS, AT);
    expect(of('prod')).not.toBe(of('test'));
  });

  test('is signed anew, with credentials of the day, before it ends', async () => {
    const clock = fakeClock(AT);
    let asked = 0;
    const credentials = async () => ({ ...KEYS, accessKeyId: `AKIA${++asked}` });
    const token = eksToken({ name: 'prod', region: 'eu-central-1' }, credentials, clock);
    const first = await token({ refresh: false });
    expect(await token({ refresh: false })).toBe(first);
    clock.advance(10 * 60_000);
    const url = request(await token({ refresh: false }));
    expect(url.searchParams.get('X-Amz-Date')).toBe('20260102T031405Z');
    expect(url.searchParams.get('X-Amz-Credential')).toContain('AKIA2/');
  });

  test.each([
    [Object.assign(new Error('canary'), { name: 'CredentialsProviderError' }), 'denied'],
    [Object.assign(new Error('canary'), { code: 'denied' }), 'denied'],
    [Object.assign(new Error('canary'), { code: 'unreachable' }), 'unreachable'],
    [Object.assign(new Error('canary'), { code: 'ENOTFOUND' }), 'unreachable'],
  ])('tells who may not from what does not answer (%#)', async (thrown, code) => {
    const cluster = { name: 'prod', region: 'eu-central-1' };
    const token = eksToken(cluster, () => Promise.reject(thrown), fakeClock());
    const error = await token({ refresh: false }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'KubernetesError', code });
    expect(String(error)).not.toContain('canary');
  });
});

describe('AKS', () => {
  const credential = (getToken: () => Promise<string>): TokenCredential & { scopes: unknown[] } => {
    const scopes: unknown[] = [];
    return {
      scopes,
      getToken: async (scope) => {
        scopes.push(scope);
        return { token: await getToken(), expiresOnTimestamp: 0 };
      },
    };
  };

  test('asks for a token of the application that stands for all AKS servers', async () => {
    const entra = credential(async () => 'entra-token');
    const token = aksToken(entra, fakeClock());
    expect(await token({ refresh: false })).toBe('entra-token');
    expect(entra.scopes).toEqual(['6dae42f8-4368-4678-94ff-3960e28e3630/.default']);
  });

  const aggregate = (...errors: object[]) => Object.assign(new Error('canary'), { errors });
  test.each([
    [Object.assign(new Error('canary'), { statusCode: 401 }), 'denied'],
    [Object.assign(new Error('canary'), { statusCode: 503 }), 'unreachable'],
    [Object.assign(new Error('canary'), { name: 'CredentialUnavailableError' }), 'denied'],
    [aggregate({ name: 'CredentialUnavailableError' }, { statusCode: 400 }), 'denied'],
    [aggregate({ name: 'CredentialUnavailableError' }, { code: 'ECONNRESET' }), 'unreachable'],
  ])('tells who may not from what does not answer (%#)', async (thrown, code) => {
    const token = aksToken(
      credential(() => Promise.reject(thrown)),
      fakeClock(),
    );
    const error = await token({ refresh: false }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'KubernetesError', code });
    expect(String(error)).not.toContain('canary');
  });
});
