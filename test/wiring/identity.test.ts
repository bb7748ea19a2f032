import { ClientAssertionCredential, DefaultAzureCredential } from '@azure/identity';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  awsAssertion,
  entraCredential,
  roleCredentials,
} from '../../functions/clients/identity.ts';
import { startTokenServices, type TokenServices } from './fake-token-services.ts';

const ROLE = 'arn:aws:iam::111122223333:role/drydock';
let services: TokenServices;

beforeEach(async () => {
  services = await startTokenServices();
  vi.stubEnv('AWS_ENDPOINT_URL_STS', services.sts);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAHOME');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'home-canary');
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await services.close();
});

describe('roleCredentials()', () => {
  test('assumes the role with the own AWS identity', async () => {
    const issued = await roleCredentials(ROLE, 'eu-central-1', {})();
    expect(issued).toEqual({
      accessKeyId: 'ASIAROLE',
      secretAccessKey: 'role-secret',
      sessionToken: 'role-session',
      expiration: expect.any(Date),
    });
    expect(services.requests).toHaveLength(1);
    expect(services.requests[0]?.parameters).toMatchObject({ Action: 'AssumeRole', RoleArn: ROLE });
    expect(services.requests[0]?.headers['authorization']).toContain('AKIAHOME');
    expect(services.requests[0]?.headers['authorization']).toContain('/eu-central-1/sts/');
  });

  test('on Azure exchanges a token of the managed identity, fresh each time', async () => {
    vi.stubEnv('IDENTITY_ENDPOINT', services.managedIdentity);
    vi.stubEnv('IDENTITY_HEADER', 'header-canary');
    const credentials = roleCredentials(ROLE, undefined, process.env);
    for (const call of [1, 2]) {
      expect(await credentials()).toMatchObject({ accessKeyId: 'ASIAROLE' });
      const exchanges = services.requests.filter(({ path }) => path.startsWith('/sts'));
      expect(exchanges).toHaveLength(call);
      expect(exchanges.at(-1)?.parameters).toMatchObject({
        Action: 'AssumeRoleWithWebIdentity',
        RoleArn: ROLE,
        WebIdentityToken: 'entra-token',
      });
    }
    const asked = services.requests.find(({ path }) => path === '/msi');
    expect(asked?.parameters).toMatchObject({ resource: 'api://aws-federation' });
  });

  test('says "denied" when STS refuses, and "unreachable" when it does not answer', async () => {
    services.refuse('AccessDenied');
    const denied = await roleCredentials(ROLE, undefined, {})().catch((error: unknown) => error);
    expect(denied).toMatchObject({ code: 'denied', failure: 'operation' });
    expect(String(denied)).toContain(`Cannot get the role "${ROLE}": AccessDenied`);
    expect(String(denied)).not.toContain('canary');
    vi.stubEnv('AWS_ENDPOINT_URL_STS', 'http://127.0.0.1:1');
    vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
    await expect(roleCredentials(ROLE, undefined, {})()).rejects.toMatchObject({
      code: 'unreachable',
    });
  });
});

describe('entraCredential()', () => {
  const entra = {
    tenantId: '11111111-2222-3333-4444-555555555555',
    clientId: '66666666-7777-8888-9999-aaaaaaaaaaaa',
  };

  test('is the standard chain at home, and federated on Lambda', async () => {
    expect(await entraCredential(undefined, {})).toBeInstanceOf(DefaultAzureCredential);
    expect(await entraCredential(entra, {})).toBeInstanceOf(DefaultAzureCredential);
    const onLambda = { AWS_LAMBDA_FUNCTION_NAME: 'drydock-replicate' };
    expect(await entraCredential(entra, onLambda)).toBeInstanceOf(ClientAssertionCredential);
  });
});

describe('awsAssertion()', () => {
  test('asks STS for one token for Entra and keeps it', async () => {
    const assertion = awsAssertion({ AWS_REGION: 'eu-central-1' });
    expect([await assertion(), await assertion()]).toEqual(['aws-token', 'aws-token']);
    expect(services.requests).toHaveLength(1);
    expect(services.requests[0]?.parameters).toMatchObject({
      Action: 'GetWebIdentityToken',
      'Audience.member.1': 'api://AzureADTokenExchange',
      SigningAlgorithm: 'RS256',
      DurationSeconds: '300',
    });
  });
});
