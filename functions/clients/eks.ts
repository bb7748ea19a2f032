import { DescribeClusterCommand, EKSClient, type EKSClientConfig } from '@aws-sdk/client-eks';
import type { ClusterAccess } from '../../shared/config/config.ts';
import type { Connection } from '../../shared/kubernetes/connection.ts';
import { DrydockError } from '../../shared/model/errors.ts';
import type { StoreContext } from '../stores.ts';
import { type RoleCredentials, roleCredentials } from './identity.ts';
import { eksToken } from './kubernetes.ts';

type EksAccess = Extract<ClusterAccess, { readonly kind: 'eks' }>;

/** Silence for this long on a connection is a broken connection. */
const SOCKET_TIMEOUT_MS = 30_000;
const CONNECTION_TIMEOUT_MS = 10_000;

/**
 * The connection to an EKS cluster as an IAM identity. Where the configuration does not say where
 * its API server is, EKS is asked.
 * @throws DrydockError `CLUSTER_DENIED`, `CLUSTER_NOT_FOUND`, `CLUSTER_UNREACHABLE`; `StoreError`
 *   when the role cannot be assumed
 */
export async function eksConnection(access: EksAccess, context: StoreContext): Promise<Connection> {
  const { name, region } = access;
  const { server, certificateAuthority } = await whereabouts(access, context);
  return {
    source: `EKS cluster "${name}"`,
    server,
    ca: Buffer.from(certificateAuthority, 'base64').toString('utf8'),
    token: eksToken({ name, region }, credentialsOf(access, context), context.clock),
  };
}

/** Those of the role, or of the SDK's standard chain. */
function credentialsOf(
  { region, roleArn }: EksAccess,
  { env }: StoreContext,
): () => Promise<RoleCredentials> {
  if (roleArn !== undefined) return roleCredentials(roleArn, region, env);
  return async () => {
    const { STSClient } = await import('@aws-sdk/client-sts');
    const sts = new STSClient({ region });
    try {
      return await sts.config.credentials();
    } finally {
      sts.destroy();
    }
  };
}

interface Whereabouts {
  readonly server: string;
  readonly certificateAuthority: string;
}

async function whereabouts(access: EksAccess, context: StoreContext): Promise<Whereabouts> {
  const { name, region, roleArn, server, certificateAuthority } = access;
  if (server !== undefined && certificateAuthority !== undefined) {
    return { server, certificateAuthority };
  }
  const config: EKSClientConfig = {
    region,
    requestHandler: { connectionTimeout: CONNECTION_TIMEOUT_MS, socketTimeout: SOCKET_TIMEOUT_MS },
    ...(roleArn !== undefined && { credentials: roleCredentials(roleArn, region, context.env) }),
  };
  const eks = new EKSClient(config);
  const action = `Cannot ask EKS for the cluster "${name}" in ${region}`;
  try {
    const command = new DescribeClusterCommand({ name });
    const options = context.signal === undefined ? {} : { abortSignal: context.signal };
    const { cluster } = await eks.send(command, options);
    if (cluster?.endpoint && cluster.certificateAuthority?.data) {
      return {
        server: cluster.endpoint,
        certificateAuthority: cluster.certificateAuthority.data,
      };
    }
    throw new DrydockError('operation', 'CLUSTER_UNREACHABLE', `${action}: it has no endpoint`, {
      hint: `Wait until it is active: aws eks describe-cluster --name ${name} --region ${region}`,
    });
  } catch (error) {
    context.signal?.throwIfAborted();
    throw error instanceof DrydockError ? error : translated(action, access, error);
  } finally {
    eks.destroy();
  }
}

/** Not the SDK's own words: they may quote what was sent. */
function translated(action: string, { name, region }: EksAccess, cause: unknown): DrydockError {
  const { name: said = 'Error', $metadata } = cause as {
    readonly name?: string;
    readonly $metadata?: { readonly httpStatusCode?: number };
  };
  const status = $metadata?.httpStatusCode;
  if (said === 'ResourceNotFoundException') {
    return new DrydockError('operation', 'CLUSTER_NOT_FOUND', `${action}: there is none`, {
      hint: `Check the name and the region: aws eks list-clusters --region ${region}`,
      cause,
    });
  }
  if (said === 'CredentialsProviderError' || status === 401 || status === 403) {
    return new DrydockError('operation', 'CLUSTER_DENIED', `${action}: access denied (${said})`, {
      hint: `Allow this identity eks:DescribeCluster on "${name}", or state "server" and "certificateAuthority"`,
      cause,
    });
  }
  return new DrydockError('operation', 'CLUSTER_UNREACHABLE', `${action}: no answer (${said})`, {
    hint: 'Check the network and the endpoint of EKS, or state "server" and "certificateAuthority"',
    cause,
  });
}
