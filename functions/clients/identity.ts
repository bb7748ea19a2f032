import type { TokenCredential } from '@azure/identity';
import { StoreError } from '../../shared/stores/store-error.ts';

/**
 * Who Drydock is, without stored secrets (S12): each cloud's own identity at home, exchanged for
 * one of the other cloud by OIDC. The SDK's clients are imported only where a location needs them.
 */

type Env = Readonly<Record<string, string | undefined>>;

/** What `sts:GetWebIdentityToken` and Entra's federated credential agree on. */
const ENTRA_AUDIENCE = 'api://AzureADTokenExchange';
/** Entra needs RS256; five minutes are plenty for one exchange. */
const ASSERTION = { SigningAlgorithm: 'RS256', DurationSeconds: 300 } as const;
const ASSERTION_MARGIN_MS = 60_000;
/** The audience of Entra tokens for AWS unless DRYDOCK_AWS_AUDIENCE names another application. */
const AWS_AUDIENCE = 'api://aws-federation';

export interface RoleCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

const onLambda = (env: Env): boolean => env['AWS_LAMBDA_FUNCTION_NAME'] !== undefined;
const onAzure = (env: Env): boolean => env['IDENTITY_ENDPOINT'] !== undefined;

/**
 * Credentials of a role: assumed by the own AWS identity, or on Azure by a token of the managed
 * identity. The S3 client keeps them until they expire and then asks again.
 */
export function roleCredentials(
  roleArn: string,
  region: string | undefined,
  env: Env,
): () => Promise<RoleCredentials> {
  return async () => {
    const { AssumeRoleCommand, AssumeRoleWithWebIdentityCommand, STSClient } = await import(
      '@aws-sdk/client-sts'
    );
    const sts = new STSClient({ region: region ?? env['AWS_REGION'] ?? 'us-east-1' });
    const role = { RoleArn: roleArn, RoleSessionName: 'drydock' };
    try {
      const { Credentials: issued } = onAzure(env)
        ? await sts.send(
            new AssumeRoleWithWebIdentityCommand({
              ...role,
              WebIdentityToken: await managedIdentityToken(env),
            }),
          )
        : await sts.send(new AssumeRoleCommand(role));
      if (!issued?.AccessKeyId || !issued.SecretAccessKey) throw new Error('an empty answer');
      return {
        accessKeyId: issued.AccessKeyId,
        secretAccessKey: issued.SecretAccessKey,
        ...(issued.SessionToken !== undefined && { sessionToken: issued.SessionToken }),
        ...(issued.Expiration !== undefined && { expiration: issued.Expiration }),
      };
    } catch (cause) {
      throw notAssumed(`the role "${roleArn}"`, cause);
    } finally {
      sts.destroy();
    }
  };
}

/** A fresh one each time: a token kept past its life would end a long run. */
async function managedIdentityToken(env: Env): Promise<string> {
  const { ManagedIdentityCredential } = await import('@azure/identity');
  const clientId = env['AZURE_CLIENT_ID'];
  const credential =
    clientId === undefined
      ? new ManagedIdentityCredential()
      : new ManagedIdentityCredential({ clientId });
  const audience = env['DRYDOCK_AWS_AUDIENCE'] ?? AWS_AUDIENCE;
  return (await credential.getToken(`${audience}/.default`)).token;
}

/** The identity for a Blob location: `entra` names one of a tenant, else the SDK's standard chain. */
export async function entraCredential(
  entra: { readonly tenantId: string; readonly clientId: string } | undefined,
  env: Env,
): Promise<TokenCredential> {
  const { ClientAssertionCredential, DefaultAzureCredential } = await import('@azure/identity');
  if (entra === undefined) return new DefaultAzureCredential();
  const { tenantId, clientId } = entra;
  if (!onLambda(env)) {
    return new DefaultAzureCredential({
      tenantId,
      managedIdentityClientId: clientId,
      workloadIdentityClientId: clientId,
    });
  }
  return new ClientAssertionCredential(tenantId, clientId, awsAssertion(env));
}

/**
 * A token in which AWS vouches for this role, for Entra to exchange. Kept until a minute before
 * its end: the credential asks for it with every token request, also when it needs none.
 */
export function awsAssertion(env: Env): () => Promise<string> {
  let kept: { readonly token: string; readonly until: number } | undefined;
  return async () => {
    if (kept !== undefined && Date.now() < kept.until) return kept.token;
    const { GetWebIdentityTokenCommand, STSClient } = await import('@aws-sdk/client-sts');
    // The call exists on regional endpoints only, and those are what the client uses.
    const sts = new STSClient({ region: env['AWS_REGION'] ?? 'us-east-1' });
    try {
      const command = new GetWebIdentityTokenCommand({ Audience: [ENTRA_AUDIENCE], ...ASSERTION });
      const { WebIdentityToken: token } = await sts.send(command);
      if (token === undefined) throw new Error('an empty answer');
      const lifeMs = ASSERTION.DurationSeconds * 1000 - ASSERTION_MARGIN_MS;
      kept = { token, until: Date.now() + lifeMs };
      return token;
    } catch (cause) {
      throw notAssumed('a web identity token of this role', cause);
    } finally {
      sts.destroy();
    }
  };
}

function notAssumed(what: string, cause: unknown): StoreError {
  const { name = 'unknown', code = '' } = cause as { name?: string; code?: string };
  // A server that refuses has a name for it; without a connection there is only Node's code.
  const isNetwork = /^E[A-Z]+$/.test(code) || name === 'TimeoutError';
  return new StoreError(isNetwork ? 'unreachable' : 'denied', `Cannot get ${what}: ${name}`, {
    hint: isNetwork
      ? 'Check the network and the endpoint of STS'
      : 'Check the trust policy of the role and what this identity may do at STS',
    cause,
  });
}
