import { DrydockError } from '../../shared/model/errors.ts';

export interface KubernetesOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace: string;
  readonly signal: AbortSignal;
}

export interface CustomResources<Plural extends string> {
  /** What was looked at, for people. */
  readonly source: string;
  /** The context that was used; absent for the cluster that this process runs in. */
  readonly context?: string;
  readonly items: Readonly<Record<Plural, readonly unknown[]>>;
}

const TIMEOUT_MS = 30_000;
/** What the client calls the context that it makes of a service account where no kubeconfig is. */
const IN_CLUSTER_CONTEXT = 'inClusterContext';

/** Velero's resources of one namespace. The client library is loaded only here: it is large. */
export async function customResources<Plural extends string>(
  options: KubernetesOptions,
  plurals: readonly Plural[],
): Promise<CustomResources<Plural>> {
  const { CustomObjectsApi, KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  load(config, options);
  const { namespace } = options;
  const context = config.getCurrentContext();
  const source = `context "${context}", namespace "${namespace}"`;
  const api = config.makeApiClient(CustomObjectsApi);
  const lists = plurals.map(async (plural) => {
    const scope = { group: 'velero.io', version: 'v1', namespace, plural };
    try {
      const answer: unknown = await patiently(
        api.listNamespacedCustomObject(scope),
        options.signal,
      );
      const items = (answer as { items?: unknown }).items;
      return [plural, Array.isArray(items) ? items : []] as const;
    } catch (error) {
      options.signal.throwIfAborted();
      throw translated(error, plural, source);
    }
  });
  const items = Object.fromEntries(await Promise.all(lists)) as Record<Plural, unknown[]>;
  return { source, items, ...(context !== IN_CLUSTER_CONTEXT && { context }) };
}

/** The parts of KubeConfig that are used. */
interface Loadable {
  loadFromFile(file: string): void;
  loadFromDefault(): void;
  getContexts(): readonly { readonly name: string }[];
  setCurrentContext(name: string): void;
  getCurrentCluster(): { readonly server: string } | null;
}

function load(config: Loadable, { kubeconfig, context }: KubernetesOptions): void {
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (cause) {
    const message = `Cannot read the kubeconfig${kubeconfig === undefined ? '' : ` "${kubeconfig}"`}`;
    throw new DrydockError('usage', 'KUBECONFIG_INVALID', message, {
      hint: 'Name a readable one with --kubeconfig, or draft from a bucket with --from <URL>',
      cause,
    });
  }
  const names = config.getContexts().map(({ name }) => name);
  if (context !== undefined) {
    if (!names.includes(context)) {
      throw new DrydockError('usage', 'CONTEXT_UNKNOWN', `Cannot use the context "${context}"`, {
        hint: `Contexts are ${names.join(', ') || 'none'}`,
      });
    }
    config.setCurrentContext(context);
  }
  // Without any kubeconfig the library falls back on an address of the distant past.
  const server = config.getCurrentCluster()?.server;
  if (server === undefined || (server === 'http://localhost:8080' && kubeconfig === undefined)) {
    throw new DrydockError('usage', 'KUBECONFIG_MISSING', 'Cannot find a cluster: no kubeconfig', {
      hint: 'Name one with --kubeconfig or KUBECONFIG, or draft from a bucket with --from <URL>',
    });
  }
}

/** The answer, unless the user or half a minute's patience ends first. */
function patiently<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  const ends = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  return Promise.race([
    answer,
    new Promise<never>((_, reject) => {
      ends.addEventListener('abort', () => reject(ends.reason), { once: true });
    }),
  ]);
}

function translated(error: unknown, plural: string, source: string): DrydockError {
  const status: unknown = (error as { code?: unknown }).code;
  const verb = `Cannot list ${plural}.velero.io in ${source}`;
  if (status === 401 || status === 403) {
    return new DrydockError('operation', 'KUBERNETES_DENIED', `${verb}: access denied`, {
      hint: `Grant this user "list" on ${plural}.velero.io in that namespace`,
      cause: error,
    });
  }
  if (status === 404) {
    return new DrydockError('operation', 'VELERO_NOT_FOUND', `${verb}: no such resource`, {
      hint: 'Velero is not installed there; check --context, or draft from a bucket with --from',
      cause: error,
    });
  }
  return new DrydockError('operation', 'KUBERNETES_UNREACHABLE', `${verb}: ${reasonOf(error)}`, {
    hint: 'Check that the cluster is reachable: kubectl get --raw /readyz',
    cause: error,
  });
}

/** The status, the code of a broken connection, or the client's own words about the kubeconfig. */
function reasonOf(error: unknown): string {
  const { code, cause, message } = error as { code?: unknown; cause?: unknown; message?: unknown };
  const inner: unknown = (cause as { code?: unknown } | undefined)?.code;
  const told = [inner, code].find((each) => typeof each === 'string' || typeof each === 'number');
  if (told !== undefined) return `no usable answer (${told})`;
  return typeof message === 'string' ? (message.split('\n')[0] ?? '').slice(0, 200) : 'no answer';
}
