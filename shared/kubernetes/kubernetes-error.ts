import { DrydockError } from '../model/errors.ts';

/**
 * The finite list of what can go wrong with an API server. Each is its own fact and none is ever
 * turned into another: "denied", "throttled" and "unreachable" never mean "absent" (S7).
 */
export type KubernetesErrorCode =
  /** The object is proven absent: the server itself said so and named it. */
  | 'not_found'
  /** The API is proven absent: discovery answers, and knows no such resource (no CRD). */
  | 'api_not_found'
  /** The caller may not do this, or its credentials are not accepted. */
  | 'denied'
  /** Another field manager owns a field, the object exists, or a precondition failed. */
  | 'conflict'
  /** The resource version or continue token is older than the server's history: list again. */
  | 'gone'
  /** The server asks for a slower pace (429). */
  | 'throttled'
  /** No answer, a broken connection, a fault of the server (5xx), or no answer of an API server. */
  | 'unreachable'
  /** The TLS handshake failed: certificate, name or protocol. */
  | 'tls_failed'
  /** An answer, an object or a collection is over the limit for it. */
  | 'too_large'
  /** The server does not accept the request. */
  | 'invalid';

/** Codes after which the same request may succeed later without anybody doing anything. */
const RETRYABLE: ReadonlySet<KubernetesErrorCode> = new Set(['throttled', 'unreachable']);

const HINTS: Readonly<Record<KubernetesErrorCode, string>> = {
  not_found: 'Check the name and the namespace: kubectl get',
  api_not_found: 'Check that its CRD is installed in this cluster: kubectl api-resources',
  denied: 'Grant the identity this verb on the resource, or check its token: kubectl auth can-i',
  conflict: 'Look at who else writes the object: kubectl get --show-managed-fields',
  gone: 'List again and go on from there',
  throttled: 'Run again later or with a lower concurrency',
  unreachable: 'Check the address, the network and the server: kubectl get --raw /readyz',
  tls_failed: "Check that the CA given for the cluster is the one that signed its server's name",
  too_large: 'Narrow the request by namespace or label; look at what fills the cluster',
  invalid: 'Check the request against the version of the cluster',
};

export interface KubernetesErrorOptions {
  readonly hint?: string;
  readonly cause?: unknown;
  /** What the server asked to wait (`Retry-After`). */
  readonly retryAfterMs?: number | undefined;
}

/** Every failure of a `KubernetesApi` but cancellation, which rethrows its reason. */
export class KubernetesError extends DrydockError {
  declare readonly code: KubernetesErrorCode;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(code: KubernetesErrorCode, message: string, options: KubernetesErrorOptions = {}) {
    const failure = code === 'conflict' ? 'refused' : 'operation';
    super(failure, code, message, { hint: options.hint ?? HINTS[code], cause: options.cause });
    this.name = 'KubernetesError';
    this.retryable = RETRYABLE.has(code);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Narrows a caught value to a failure of one of `codes` (any code without them). */
export function isKubernetesError(
  error: unknown,
  ...codes: KubernetesErrorCode[]
): error is KubernetesError {
  return error instanceof KubernetesError && (codes.length === 0 || codes.includes(error.code));
}
