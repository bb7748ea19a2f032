import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeApi, KubeObject } from './api.ts';
import { KubeApiError } from './api.ts';

interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Applies objects in their order; a kind whose CRD was just applied is waited for. */
export async function applyAll(api: KubeApi, objects: readonly object[]): Promise<KubeObject[]> {
  const applied: KubeObject[] = [];
  for (const object of objects) applied.push(await applyOne(api, object as KubeObject));
  return applied;
}

async function applyOne(api: KubeApi, object: KubeObject): Promise<KubeObject> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await api.apply(await pathOf(api, object), object);
    } catch (error) {
      if (attempt >= 50 || !isTransient(error)) throw error;
      await sleep(200);
    }
  }
}

/** 404: the CRD is not served yet. 403: the namespace has no service account yet. */
function isTransient(error: unknown): boolean {
  return error instanceof KubeApiError && [403, 404, 409, 429, 503].includes(error.status);
}

/** The path of an object's own resource, found by discovery. */
export async function pathOf(api: KubeApi, object: KubeObject): Promise<string> {
  const apiVersion = object.apiVersion ?? 'v1';
  const base = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const discovered = JSON.parse(await api.text(base)) as { resources: ApiResource[] };
  const resource = discovered.resources.find(
    (each) => each.kind === object.kind && !each.name.includes('/'),
  );
  if (resource === undefined) {
    throw new KubeApiError(404, 'GET', base, `no resource of kind ${object.kind}`);
  }
  const namespace = object.metadata.namespace ?? 'default';
  const scope = resource.namespaced ? `/namespaces/${namespace}` : '';
  return `${base}${scope}/${resource.name}/${object.metadata.name}`;
}

/** Polls an object until `accept` returns a value; throws with its last state otherwise. */
export async function waitForObject<T>(
  api: KubeApi,
  path: string,
  accept: (object: KubeObject) => T | undefined,
  timeoutMs = 120_000,
): Promise<T> {
  let last = 'absent';
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += 500) {
    try {
      const object = await api.get(path);
      const accepted = accept(object);
      if (accepted !== undefined) return accepted;
      last = JSON.stringify(object.status ?? object.metadata);
    } catch (error) {
      if (!(error instanceof KubeApiError) || error.status !== 404) throw error;
    }
    await sleep(500);
  }
  throw new Error(`${path} did not reach the awaited state in ${timeoutMs} ms: ${last}`);
}
