import { afterAll, afterEach, beforeAll } from 'vitest';
import type { ResourceType } from '../../shared/kubernetes/api.ts';
import { kubernetesApi } from '../../shared/kubernetes/client.ts';
import type { Connection } from '../../shared/kubernetes/connection.ts';
import type { Limits } from '../../shared/kubernetes/exchange.ts';
import { fakeClock } from '../support/clock.ts';
import { type FakeApiServer, startFakeApiServer } from '../support/fake-api-server.ts';

export const CONFIG_MAPS: ResourceType = { group: '', version: 'v1', plural: 'configmaps' };
export const BACKUPS: ResourceType = { group: 'velero.io', version: 'v1', plural: 'backups' };
export const SHOP = { namespace: 'shop' };

/** One fake server for all tests of a file, and clients of it that end with each test. */
export function kubernetesWorld() {
  let server: FakeApiServer | undefined;
  const open: { close(): void }[] = [];
  beforeAll(async () => {
    server = await startFakeApiServer();
  });
  afterEach(() => {
    for (const api of open.splice(0)) api.close();
  });
  afterAll(async () => {
    await server?.close();
  });
  const started = (): FakeApiServer => {
    if (server === undefined) throw new Error('the server is not started');
    return server;
  };
  const world = {
    get server() {
      return started();
    },
    connection(more: Partial<Connection> = {}): Connection {
      const { url, authority } = started();
      const token = async () => 'token-canary';
      return { source: 'context "fake"', server: url, ca: authority.certificate, token, ...more };
    },
    api(more: Partial<Connection> = {}, limits: Partial<Limits> = {}) {
      const clock = fakeClock();
      const api = kubernetesApi(world.connection(more), { clock, random: () => 0, limits });
      open.push(api);
      return Object.assign(api, { clock });
    },
    /** The requests that `work` makes. */
    async requestsOf(work: () => Promise<unknown>) {
      const before = started().requests.length;
      await work();
      return started().requests.slice(before);
    },
  };
  return world;
}
