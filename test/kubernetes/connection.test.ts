import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { kubernetesApi } from '../../shared/kubernetes/client.ts';
import { cachedToken, tokenFile } from '../../shared/kubernetes/connection.ts';
import { inClusterConnection } from '../../shared/kubernetes/in-cluster.ts';
import { makeAuthority } from '../support/certificates.ts';
import { fakeClock } from '../support/clock.ts';
import { configMap, refused, startFakeApiServer } from '../support/fake-api-server.ts';
import { CONFIG_MAPS, kubernetesWorld } from './world.ts';

const world = kubernetesWorld();
const NAME = { name: 'settings', namespace: 'shop' };
const answered = () => world.server.answer(() => ({ body: configMap('settings') }));

describe('TLS', () => {
  test.each([
    ['another CA', { ca: makeAuthority('somebody-else').certificate }],
    ['another name', { serverName: 'kubernetes.default.svc' }],
    [
      'a CA that is none',
      { ca: '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----' },
    ],
  ])('refuses %s before anything is sent', async (_, more) => {
    answered();
    const asked = await world.requestsOf(async () => {
      const call = world.api(more).get(CONFIG_MAPS, NAME);
      await expect(call).rejects.toMatchObject({ code: 'tls_failed' });
    });
    expect(asked).toEqual([]);
  });

  test('without a CA trusts what Node trusts, which is not this one', async () => {
    const { server, source } = world.connection();
    const api = kubernetesApi({ server, source }, { clock: fakeClock(), random: () => 0 });
    await expect(api.get(CONFIG_MAPS, NAME)).rejects.toMatchObject({ code: 'tls_failed' });
    api.close();
  });

  test('accepts a certificate for the name that the connection gives', async () => {
    const other = await startFakeApiServer(['api.internal']);
    try {
      other.answer(() => ({ body: configMap('settings') }));
      const at = { server: other.url, ca: other.authority.certificate };
      const call = world.api(at).get(CONFIG_MAPS, NAME);
      await expect(call).rejects.toMatchObject({ code: 'tls_failed' });
      const named = world.api({ ...at, serverName: 'api.internal' });
      expect(await named.get(CONFIG_MAPS, NAME)).toHaveProperty('metadata.name', 'settings');
    } finally {
      await other.close();
    }
  });

  test('accepts anything only where that was asked for', async () => {
    answered();
    const api = world.api({ insecure: true, ca: makeAuthority('x').certificate });
    expect(await api.get(CONFIG_MAPS, NAME)).toHaveProperty('metadata.name', 'settings');
  });

  test('shows its own certificate', async () => {
    answered();
    const clientCertificate = world.server.authority.issue('drydock-client');
    const [asked] = await world.requestsOf(() =>
      world.api({ clientCertificate }).get(CONFIG_MAPS, NAME),
    );
    expect(asked?.client).toBe('drydock-client');
  });

  test('nobody there is unreachable', async () => {
    const api = world.api({ server: 'https://127.0.0.1:1' });
    const error = await api.get(CONFIG_MAPS, NAME).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'unreachable' });
    expect(String(error)).toContain('ECONNREFUSED');
  });
});

test('goes through a proxy, which sees no request', async () => {
  answered();
  const tunnels: string[] = [];
  const proxy = createServer().on('connect', (request, socket) => {
    tunnels.push(request.url ?? '');
    const { hostname, port } = new URL(`https://${request.url}`);
    const onward = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  try {
    const HTTPS_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const api = world.api({ proxyEnv: { HTTPS_PROXY } });
    expect(await api.get(CONFIG_MAPS, NAME)).toHaveProperty('metadata.name', 'settings');
    expect(tunnels).toEqual([new URL(world.server.url).host]);
    api.close();
  } finally {
    proxy.close();
  }
});

describe('tokens', () => {
  test('a token that is not accepted is replaced once', async () => {
    const refreshes: boolean[] = [];
    const token = async ({ refresh }: { refresh: boolean }) => {
      refreshes.push(refresh);
      return refresh ? 'new' : 'old';
    };
    world.server.answer(({ headers }) =>
      headers['authorization'] === 'Bearer new'
        ? { body: configMap('settings') }
        : refused(401, 'Unauthorized'),
    );
    expect(await world.api({ token }).get(CONFIG_MAPS, NAME)).toHaveProperty('metadata.name');
    expect(refreshes).toEqual([false, true]);
    world.server.answer(() => refused(401, 'Unauthorized'));
    const asked = await world.requestsOf(() =>
      expect(world.api({ token }).get(CONFIG_MAPS, NAME)).rejects.toMatchObject({ code: 'denied' }),
    );
    expect(asked).toHaveLength(2);
  });

  test.each(['', 'line\nbreak-canary', 'späße-canary'])('"%s" is never sent', async (text) => {
    const asked = await world.requestsOf(async () => {
      const api = world.api({ token: async () => text });
      const error = await api.get(CONFIG_MAPS, NAME).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'denied' });
      expect(String(error)).not.toContain('canary');
    });
    expect(asked).toEqual([]);
  });

  test('one that is kept is asked for once by all, again after its life or a refusal', async () => {
    const clock = fakeClock();
    let made = 0;
    const token = cachedToken(async () => `token-${++made}`, 60_000, clock);
    const both = await Promise.all([token({ refresh: false }), token({ refresh: false })]);
    expect(both).toEqual(['token-1', 'token-1']);
    expect(await token({ refresh: true })).toBe('token-2');
    clock.advance(59_999);
    expect(await token({ refresh: false })).toBe('token-2');
    clock.advance(1);
    expect(await token({ refresh: false })).toBe('token-3');
  });

  test('one that could not be had is asked for again', async () => {
    let tries = 0;
    const make = async () => {
      tries += 1;
      if (tries === 1) throw new Error('not yet');
      return 'token';
    };
    const token = cachedToken(make, 60_000, fakeClock());
    await expect(token({ refresh: false })).rejects.toThrow('not yet');
    expect(await token({ refresh: false })).toBe('token');
  });

  test('a file that cannot be read is "denied" and named', async () => {
    const read = async () => {
      throw new Error('ENOENT');
    };
    const token = tokenFile('/run/token', read, fakeClock());
    await expect(token({ refresh: false })).rejects.toMatchObject({
      code: 'denied',
      message: 'Cannot read the token file "/run/token"',
    });
  });
});

describe('in the cluster', () => {
  const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
  const files = new Map<string, string>();
  const clock = fakeClock();
  const readFile = async (path: string) => {
    const text = files.get(path);
    if (text === undefined) throw new Error(`ENOENT ${path}`);
    return text;
  };

  test("is the pod's service account, whose token is read again", async () => {
    const { hostname, port } = new URL(world.server.url);
    files.set(`${FOLDER}/ca.crt`, world.server.authority.certificate);
    files.set(`${FOLDER}/namespace`, 'drydock\n');
    files.set(`${FOLDER}/token`, 'first\n');
    const env = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
    const connection = await inClusterConnection({ env, readFile, clock });
    expect(connection).toMatchObject({ source: 'this cluster', namespace: 'drydock' });
    answered();
    const api = world.api(connection);
    const asked = await world.requestsOf(async () => {
      await api.get(CONFIG_MAPS, NAME);
      files.set(`${FOLDER}/token`, 'second\n');
      await api.get(CONFIG_MAPS, NAME);
      clock.advance(60_000);
      await api.get(CONFIG_MAPS, NAME);
    });
    const tokens = asked.map(({ headers }) => headers['authorization']);
    expect(tokens).toEqual(['Bearer first', 'Bearer first', 'Bearer second']);
  });

  test('an IPv6 address has brackets', async () => {
    const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
    const { server } = await inClusterConnection({ env, readFile, clock });
    expect(server).toBe('https://[fd00::1]:443');
  });

  test('elsewhere it says so', async () => {
    const none = inClusterConnection({ env: {}, readFile, clock });
    await expect(none).rejects.toMatchObject({ code: 'NOT_IN_CLUSTER', failure: 'usage' });
    files.delete(`${FOLDER}/ca.crt`);
    const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };
    await expect(inClusterConnection({ env, readFile, clock })).rejects.toThrow('ca.crt');
  });
});
