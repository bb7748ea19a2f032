import type { RequestOptions } from 'node:https';
import { cachedToken, type TokenProvider } from '../../shared/kubernetes/connection.ts';
import { KubernetesError } from '../../shared/kubernetes/kubernetes-error.ts';
import type { ExecToken } from '../clients/clusters.ts';

/** The library asks the plug-in again when its credential ends; we only spare the calls. */
const TOKEN_LIFE_MS = 60_000;

/**
 * Tokens of the plug-in that a kubeconfig names (`aws eks get-token`, `kubelogin`), as kubectl gets
 * them. On the command line alone: a function has no such programs, and the library that runs them
 * is large.
 */
export const execToken: ExecToken = ({ file, context, clock }): TokenProvider =>
  cachedToken(() => fromPlugin(file, context), TOKEN_LIFE_MS, clock);

async function fromPlugin(file: string, context: string | undefined): Promise<string> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  const request: RequestOptions = {};
  try {
    config.loadFromFile(file);
    if (context !== undefined) config.setCurrentContext(context);
    await config.applyToHTTPSOptions(request);
  } catch (cause) {
    throw refused(file, 'it failed', cause);
  }
  const { Authorization: header } = { ...(request.headers as Record<string, unknown>) };
  const [, token] = /^Bearer (.+)$/.exec(typeof header === 'string' ? header : '') ?? [];
  if (token === undefined) throw refused(file, 'it gave no token');
  return token;
}

/** Not the words of the plug-in: what it prints may be a credential. */
function refused(file: string, why: string, cause?: unknown): KubernetesError {
  const message = `Cannot get a token by the plug-in that "${file}" names: ${why}`;
  return new KubernetesError('denied', message, {
    hint: 'Try the same by "kubectl get namespaces", and sign in again ("aws sso login", "az login")',
    cause,
  });
}
