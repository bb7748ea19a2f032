import { isAbsolute, join } from 'node:path';
import { parse } from 'yaml';
import type { Clock } from '../model/clock.ts';
import { DrydockError } from '../model/errors.ts';
import { type Connection, type ReadTextFile, type TokenProvider, tokenFile } from './connection.ts';

export interface KubeconfigOptions {
  /** For messages: where the text came from. */
  readonly source: string;
  /** Left out: the one that the kubeconfig calls current. */
  readonly context?: string;
  /** What relative paths begin at; without it a kubeconfig may name no file. */
  readonly folder?: string;
  readonly readFile: ReadTextFile;
  readonly clock: Clock;
  /** Runs the plug-in that a user names under `exec`; without it such a user is refused. */
  readonly execToken?: () => TokenProvider;
  /** Obeys `insecure-skip-tls-verify`. Only where a user asked for just that. */
  readonly allowInsecure?: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

const SIZE_CHARACTERS_MAX = 1024 * 1024;

/** What would change who we are or what we may do: passing over it would be someone else's act. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  exec: 'Name the cluster by "eks:" or "aks:", whose tokens Drydock gets itself; plug-ins run on the command line alone',
  'auth-provider': 'Use a token, a client certificate, or the tokens of EKS and AKS',
  username: 'Use a token or a client certificate: the API server takes passwords no longer',
  as: 'Use the credentials of that identity itself',
};

/**
 * The connection that one context of a kubeconfig describes. What the text refers to by a path is
 * read now, a token's file again and again. One file: several are merged by kubectl
 * (`kubectl config view --flatten`).
 *
 * @throws DrydockError `KUBECONFIG_INVALID`, `KUBECONFIG_UNSUPPORTED`, `CONTEXT_UNKNOWN`
 */
export async function kubeconfigConnection(
  text: string,
  options: KubeconfigOptions,
): Promise<Connection> {
  const config = parseConfig(text, options);
  const name = options.context ?? words(config['current-context']);
  const contexts = named(config, 'contexts', 'context');
  const context = name === undefined ? undefined : contexts.get(name);
  if (name === undefined || context === undefined) throw unknownContext(name, contexts, options);
  const cluster = referred(config, 'clusters', 'cluster', context, options);
  const user = referred(config, 'users', 'user', context, options);
  for (const [field, hint] of Object.entries(UNSUPPORTED)) {
    if (field === 'exec' && options.execToken !== undefined) continue;
    if (user[field] !== undefined) throw unsupported(`"${field}" of the user`, hint, options);
  }
  const server = serverOf(cluster, options);
  const ca = await pem(cluster, 'certificate-authority', options);
  const certificate = await pem(user, 'client-certificate', options);
  const key = await pem(user, 'client-key', options);
  if ((certificate === undefined) !== (key === undefined)) {
    throw invalid('the user has a client certificate or its key, not both', options);
  }
  const insecure = cluster['insecure-skip-tls-verify'] === true;
  if (insecure && options.allowInsecure !== true) throw insecureRefused(options);
  if (insecure && ca !== undefined) throw invalid('a CA and no verification', options);
  const token = tokenOf(user, options);
  const namespace = words(context['namespace']);
  const serverName = words(cluster['tls-server-name']);
  const proxy = proxyOf(cluster, options);
  return {
    source: `context "${name}"`,
    server,
    ...(namespace !== undefined && { namespace }),
    ...(ca !== undefined && { ca }),
    ...(serverName !== undefined && { serverName }),
    ...(insecure && { insecure }),
    ...(certificate !== undefined &&
      key !== undefined && { clientCertificate: { certificate, key } }),
    ...(token && { token }),
    ...(proxy !== undefined && { proxyEnv: { HTTPS_PROXY: proxy } }),
  };
}

function parseConfig(text: string, options: KubeconfigOptions): Fields {
  if (text.length > SIZE_CHARACTERS_MAX) throw invalid('it is over 1 MiB', options);
  let parsed: unknown;
  try {
    parsed = parse(text, { logLevel: 'error' });
  } catch {
    // Not the parser's words: they quote the line, which may be a key.
    throw invalid('it is no YAML', options);
  }
  const config = fieldsOf(parsed);
  if (config === undefined) throw invalid('it is no object', options);
  return config;
}

/** A list of `{ name, <field> }` by name; of several with one name the first counts, as in kubectl. */
function named(config: Fields, list: string, field: string): ReadonlyMap<string, Fields> {
  const found = new Map<string, Fields>();
  const entries = config[list];
  for (const entry of Array.isArray(entries) ? entries : []) {
    const name = words(fieldsOf(entry)?.['name']);
    if (name !== undefined && !found.has(name)) {
      found.set(name, fieldsOf(fieldsOf(entry)?.[field]) ?? {});
    }
  }
  return found;
}

function referred(
  config: Fields,
  list: string,
  field: string,
  context: Fields,
  options: KubeconfigOptions,
): Fields {
  const name = words(context[field]);
  const found = name === undefined ? undefined : named(config, list, field).get(name);
  if (found === undefined) {
    throw invalid(`its context names the ${field} "${name ?? ''}", which it has not`, options);
  }
  return found;
}

function serverOf(cluster: Fields, options: KubeconfigOptions): string {
  const server = words(cluster['server']) ?? '';
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url === undefined) throw invalid('the server of its cluster is no URL', options);
  if (url.protocol !== 'https:') {
    throw unsupported(
      `a server at "${url.protocol}"`,
      'Use the https address of the server',
      options,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw unsupported('a server with a password', 'Use a token or a client certificate', options);
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/** What is inline counts before what lies in a file, as in client-go. */
async function pem(
  fields: Fields,
  name: string,
  options: KubeconfigOptions,
): Promise<string | undefined> {
  const inline = words(fields[`${name}-data`]);
  if (inline !== undefined) {
    const text = Buffer.from(inline, 'base64').toString('utf8');
    if (!text.includes('-----BEGIN ')) throw invalid(`its "${name}-data" is no PEM`, options);
    return text;
  }
  const file = words(fields[name]);
  if (file === undefined) return undefined;
  const path = pathOf(file, options);
  try {
    return await options.readFile(path);
  } catch (cause) {
    const hint = 'Check that the file exists and that this process may read it';
    throw wrong('KUBECONFIG_INVALID', `"${path}" cannot be read`, hint, options, cause);
  }
}

function tokenOf(user: Fields, options: KubeconfigOptions): TokenProvider | undefined {
  const file = words(user['tokenFile']);
  if (file !== undefined) return tokenFile(pathOf(file, options), options.readFile, options.clock);
  const token = words(user['token']);
  if (token !== undefined) return async () => token;
  return user['exec'] === undefined ? undefined : options.execToken?.();
}

function proxyOf(cluster: Fields, options: KubeconfigOptions): string | undefined {
  const proxy = words(cluster['proxy-url']);
  if (proxy === undefined || /^https?:\/\//.test(proxy)) return proxy;
  throw unsupported('a proxy that is not HTTP', 'Use a proxy at an http or https URL', options);
}

function pathOf(file: string, options: KubeconfigOptions): string {
  if (isAbsolute(file)) return file;
  if (options.folder !== undefined) return join(options.folder, file);
  throw invalid(`it names the file "${file}" relative to nothing`, options);
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : undefined;
}

function words(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function unknownContext(
  name: string | undefined,
  contexts: ReadonlyMap<string, Fields>,
  { source }: KubeconfigOptions,
): DrydockError {
  const shown = name === undefined ? 'no context: none is current' : `the context "${name}"`;
  return new DrydockError('usage', 'CONTEXT_UNKNOWN', `Cannot use ${shown} of ${source}`, {
    hint: `Contexts are ${[...contexts.keys()].join(', ') || 'none'}`,
  });
}

function insecureRefused(options: KubeconfigOptions): DrydockError {
  const hint = 'Give the CA of the cluster instead (certificate-authority-data)';
  return unsupported('"insecure-skip-tls-verify"', hint, options);
}

function invalid(reason: string, options: KubeconfigOptions): DrydockError {
  const hint = 'Check it with kubectl config view';
  return wrong('KUBECONFIG_INVALID', reason, hint, options);
}

function unsupported(what: string, hint: string, options: KubeconfigOptions): DrydockError {
  return wrong('KUBECONFIG_UNSUPPORTED', `${what} is not supported`, hint, options);
}

function wrong(
  code: string,
  reason: string,
  hint: string,
  { source }: KubeconfigOptions,
  cause?: unknown,
): DrydockError {
  const message = `Cannot use the kubeconfig ${source}: ${reason}`;
  return new DrydockError('usage', code, message, { hint, cause });
}
