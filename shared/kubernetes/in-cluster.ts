import type { Clock } from '../model/clock.ts';
import { DrydockError } from '../model/errors.ts';
import { type Connection, type ReadTextFile, tokenFile } from './connection.ts';

/** Where the kubelet mounts what a pod needs to talk to its API server. */
const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface InClusterOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: ReadTextFile;
  readonly clock: Clock;
}

/**
 * The connection of a pod to its own cluster, as its service account. The token is read again and
 * again: the kubelet replaces it before it ends.
 *
 * @throws DrydockError `NOT_IN_CLUSTER`
 */
export async function inClusterConnection(options: InClusterOptions): Promise<Connection> {
  const { env, readFile, clock } = options;
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'];
  if (!host || !port) throw notInCluster('KUBERNETES_SERVICE_HOST and _PORT are not set');
  const [ca, namespace] = await Promise.all(
    ['ca.crt', 'namespace'].map((name) =>
      readFile(`${FOLDER}/${name}`).catch((cause: unknown) => {
        throw notInCluster(`"${FOLDER}/${name}" cannot be read`, cause);
      }),
    ),
  );
  return {
    source: 'this cluster',
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    ...(ca !== undefined && { ca }),
    ...(namespace !== undefined && { namespace: namespace.trim() }),
    token: tokenFile(`${FOLDER}/token`, readFile, clock),
  };
}

function notInCluster(reason: string, cause?: unknown): DrydockError {
  return new DrydockError('usage', 'NOT_IN_CLUSTER', `Cannot use this cluster: ${reason}`, {
    hint: 'Run in a pod with a service account (automountServiceAccountToken), or name a kubeconfig',
    cause,
  });
}
