import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { Cluster, ClusterAccess } from '../../shared/config/config.ts';
import type { Connection, TokenProvider } from '../../shared/kubernetes/connection.ts';
import type { Clock } from '../../shared/model/clock.ts';
import { DrydockError } from '../../shared/model/errors.ts';
import type { ClusterWitness } from '../../shared/verify/job.ts';
import type { StoreContext } from '../stores.ts';

/** A cluster that does not answer must not hold up a run that has other witnesses. */
const ATTEMPTS_MAX = 3;

/** Gets tokens by the plug-in of a kubeconfig's user. */
export type ExecToken = (of: {
  readonly file: string;
  readonly context: string | undefined;
  readonly clock: Clock;
}) => TokenProvider;

export interface ClusterContext extends StoreContext {
  /** Absent where no plug-ins are: in functions. */
  readonly execToken?: ExecToken;
}

/**
 * A client of the API server of `cluster`, which somebody has to close. Nothing is sent to it yet.
 * What stands in the way makes it unreachable; nothing is thrown but the reason of an aborted
 * signal.
 */
export async function connectCluster(
  cluster: Cluster,
  context: ClusterContext,
): Promise<ClusterWitness> {
  try {
    const connection = await connectionOf(cluster.access, context);
    const { kubernetesApi } = await import('../../shared/kubernetes/client.ts');
    const api = kubernetesApi(connection, {
      clock: context.clock,
      random: Math.random,
      limits: { attemptsMax: ATTEMPTS_MAX },
    });
    return { kind: 'connected', cluster, api };
  } catch (error) {
    context.signal?.throwIfAborted();
    return { kind: 'unreachable', cluster, ...whyNot(error) };
  }
}

async function connectionOf(access: ClusterAccess, context: ClusterContext): Promise<Connection> {
  const { env, clock } = context;
  switch (access.kind) {
    case 'kubeconfig':
      return await kubeconfigFile(access, context);
    case 'in-cluster': {
      const { inClusterConnection } = await import('../../shared/kubernetes/in-cluster.ts');
      return await inClusterConnection({ env, readFile: readText, clock });
    }
    case 'eks': {
      const { eksConnection } = await import('./eks.ts');
      return await eksConnection(access, context);
    }
    case 'aks': {
      const { entraCredential } = await import('./identity.ts');
      const { aksToken } = await import('./kubernetes.ts');
      const { server, certificateAuthority: ca } = access;
      return {
        source: `AKS cluster at ${server}`,
        server,
        ...(ca !== undefined && { ca: Buffer.from(ca, 'base64').toString('utf8') }),
        token: aksToken(await entraCredential(access.entra, env), clock),
      };
    }
    default:
      return access satisfies never;
  }
}

async function kubeconfigFile(
  { path, context }: Extract<ClusterAccess, { readonly kind: 'kubeconfig' }>,
  { env, clock, execToken }: ClusterContext,
): Promise<Connection> {
  const { kubeconfigConnection } = await import('../../shared/kubernetes/kubeconfig.ts');
  const file = resolve(atHome(path ?? defaultPath(env), env));
  const source = `"${file}"`;
  let text: string;
  try {
    text = await readText(file);
  } catch (cause) {
    const { code = 'unreadable' } = cause as { readonly code?: string };
    throw new DrydockError('usage', 'KUBECONFIG_MISSING', `Cannot read ${source}: ${code}`, {
      hint: 'Name a readable kubeconfig in "clusters: <name>: kubeconfig: path:", or in KUBECONFIG',
      cause,
    });
  }
  return await kubeconfigConnection(text, {
    source,
    folder: dirname(file),
    readFile: readText,
    clock,
    ...(context !== undefined && { context }),
    ...(execToken && { execToken: () => execToken({ file, context, clock }) }),
  });
}

/** Where kubectl looks. */
function defaultPath(env: StoreContext['env']): string {
  const [first = '', ...more] = (env['KUBECONFIG'] ?? '').split(delimiter).filter(Boolean);
  if (more.length > 0) {
    const message = `Cannot use KUBECONFIG: it names ${more.length + 1} files`;
    throw new DrydockError('usage', 'KUBECONFIG_UNSUPPORTED', message, {
      hint: 'Make one of them: kubectl config view --flatten --raw > <file>, and name that',
    });
  }
  return first === '' ? '~/.kube/config' : first;
}

function atHome(path: string, env: StoreContext['env']): string {
  return path.startsWith('~/') ? join(env['HOME'] ?? homedir(), path.slice(2)) : path;
}

async function readText(path: string): Promise<string> {
  return await readFile(path, 'utf8');
}

/** Not the words of a failure that is none of ours: they may quote what was sent. */
function whyNot(error: unknown): { readonly reason: string; readonly hint: string } {
  if (error instanceof DrydockError) return { reason: error.message, hint: error.hint };
  return {
    reason: `Cannot connect: ${error instanceof Error ? error.name : 'unknown failure'}`,
    hint: 'Check how the configuration reaches this cluster ("clusters:")',
  };
}
