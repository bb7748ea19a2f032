import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pki } from './pki.ts';

/** A Kubernetes object as JSON; tests narrow what they read. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
    readonly [field: string]: unknown;
  };
  readonly spec?: Record<string, unknown>;
  readonly status?: Record<string, unknown>;
  readonly [field: string]: unknown;
}

/** A refusal by the API server, with its status code and its own words. */
export class KubeApiError extends Error {
  readonly status: number;
  constructor(status: number, method: string, path: string, body: string) {
    super(`${method} ${path}: ${status} ${body.slice(0, 500)}`);
    this.name = 'KubeApiError';
    this.status = status;
  }
}

/** The administrator's connection to the API server: five verbs on plain paths. */
export interface KubeApi {
  readonly url: string;
  get(path: string): Promise<KubeObject>;
  list(path: string): Promise<KubeObject[]>;
  /** Server-side apply with force: creates or changes, whoever owned the fields. */
  apply(path: string, object: object): Promise<KubeObject>;
  create(path: string, object: object): Promise<KubeObject>;
  mergePatch(path: string, patch: object): Promise<KubeObject>;
  delete(path: string): Promise<void>;
  /** The raw text of any path, e.g. `/readyz`. */
  text(path: string): Promise<string>;
  close(): void;
}

const JSON_TYPE = 'application/json';

/** Connects with the administrator's client certificate; nothing is sent yet. */
export function connectKubeApi(url: string, pki: Pki): KubeApi {
  const agent = new Agent({
    ca: pki.ca,
    cert: pki.adminCertificate,
    key: pki.adminKey,
    keepAlive: true,
  });
  const send = (method: string, path: string, body?: object, type = JSON_TYPE) =>
    patiently(() =>
      exchange(agent, url, { method, path, type, ...(body === undefined ? {} : { body }) }),
    );
  const json = async (method: string, path: string, body?: object, type?: string) =>
    JSON.parse(await send(method, path, body, type)) as KubeObject;
  return {
    url,
    get: (path) => json('GET', path),
    list: async (path) => itemsOf(await json('GET', path)),
    apply: (path, object) =>
      json(
        'PATCH',
        `${path}?fieldManager=drydock-test&force=true`,
        object,
        'application/apply-patch+yaml',
      ),
    create: (path, object) => json('POST', path, object),
    mergePatch: (path, patch) => json('PATCH', path, patch, 'application/merge-patch+json'),
    delete: async (path) => {
      await send('DELETE', path);
    },
    text: (path) => send('GET', path),
    close: () => agent.destroy(),
  };
}

/** The server answers 429 while it sets up the storage of a new kind; that passes. */
async function patiently(call: () => Promise<string>): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      const passing = error instanceof KubeApiError && [429, 503].includes(error.status);
      if (!passing || attempt >= 20) throw error;
      await sleep(500);
    }
  }
}

function itemsOf(list: KubeObject): KubeObject[] {
  const items = (list as unknown as { items?: KubeObject[] }).items;
  if (items === undefined) throw new Error('the answer is not a list');
  return items;
}

interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly type: string;
  readonly body?: object;
}

function exchange(agent: Agent, url: string, call: Exchange): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      new URL(call.path, url),
      { agent, method: call.method, headers: { 'content-type': call.type, accept: JSON_TYPE } },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const status = incoming.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve(text);
          else reject(new KubeApiError(status, call.method, call.path, text));
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(call.body === undefined ? undefined : JSON.stringify(call.body));
  });
}
