import type { Clock } from '../model/clock.ts';
import { failure, readJson } from './answers.ts';
import type { KubernetesApi, KubernetesObject } from './api.ts';
import type { Connection } from './connection.ts';
import {
  attemptOf,
  type Call,
  LIMIT_DEFAULTS,
  type Limits,
  type Parts,
  repeated,
  send,
} from './exchange.ts';
import { asObject, list } from './list.ts';
import { objectAction, objectPath, query } from './requests.ts';
import { httpsTransport } from './transport.ts';
import { watch } from './watch.ts';

/** Who owns the fields that Drydock applies. */
const FIELD_MANAGER = 'drydock';
/** The API server reads JSON as the YAML that it is. */
const APPLY_TYPE = 'application/apply-patch+yaml';

export interface ClientOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1): spreads the retries of many callers. */
  readonly random: () => number;
  readonly limits?: Partial<Limits>;
}

/** The API server behind `connection`; nothing is sent yet. */
export function kubernetesApi(connection: Connection, options: ClientOptions): KubernetesApi {
  const transport = httpsTransport(connection);
  const { clock, random } = options;
  const limits = { ...LIMIT_DEFAULTS, ...options.limits };
  const parts: Parts = { connection, transport, clock, random, limits };
  return {
    source: connection.source,
    list: (type, given = {}) => list(parts, type, given),
    watch: (type, given) => watch(parts, type, given),
    get(type, name, { signal } = {}) {
      const path = objectPath(type, name);
      const action = objectAction('get', type, name);
      return repeated(parts, signal, () =>
        object(parts, { method: 'GET', path, type, action, signal }),
      );
    },
    apply(type, wanted, { signal, force } = {}) {
      const { name, namespace } = wanted.metadata;
      const named = { name, ...(namespace !== undefined && { namespace }) };
      const parameters = query({ fieldManager: FIELD_MANAGER, force: force ? 'true' : undefined });
      const call: Call = {
        method: 'PATCH',
        path: `${objectPath(type, named)}${parameters}`,
        type,
        action: objectAction('apply', type, named),
        signal,
        body: { type: APPLY_TYPE, json: JSON.stringify(wanted) },
      };
      return repeated(parts, signal, () => object(parts, call));
    },
    async remove(type, name, { signal, uid } = {}) {
      const wish = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        propagationPolicy: 'Background',
        ...(uid !== undefined && { preconditions: { uid } }),
      };
      const call: Call = {
        method: 'DELETE',
        path: objectPath(type, name),
        type,
        action: objectAction('delete', type, name),
        signal,
        body: { type: 'application/json', json: JSON.stringify(wish) },
      };
      // After an unknown outcome the second try would call our own success "not found".
      await repeated(
        parts,
        signal,
        async () =>
          readJson(
            (await send(parts, call)).body,
            limits.objectSizeBytesMax,
            attemptOf(parts, call),
          ),
        ({ code }) => code === 'throttled',
      );
    },
    close: () => transport.close(),
  };
}

async function object(parts: Parts, call: Call): Promise<KubernetesObject> {
  const attempt = attemptOf(parts, call);
  const { body } = await send(parts, call);
  const found = asObject(await readJson(body, parts.limits.objectSizeBytesMax, attempt));
  if (found === undefined) throw failure('unreachable', attempt, 'no Kubernetes object');
  return found;
}
