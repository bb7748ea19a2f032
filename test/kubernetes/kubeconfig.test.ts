import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import {
  type KubeconfigOptions,
  kubeconfigConnection,
} from '../../shared/kubernetes/kubeconfig.ts';
import { fakeClock } from '../support/clock.ts';
import { configMap } from '../support/fake-api-server.ts';
import { CONFIG_MAPS, kubernetesWorld } from './world.ts';

const world = kubernetesWorld();
const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const base64 = (text: string) => Buffer.from(text).toString('base64');

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
  readonly context?: object;
}

function kubeconfig({ cluster = {}, user = {}, context = {} }: Parts = {}): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'prod',
    clusters: [{ name: 'c', cluster: { server: 'https://api.example:6443', ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [
      { name: 'prod', context: { cluster: 'c', user: 'u', ...context } },
      { name: 'other', context: { cluster: 'c', user: 'u', namespace: 'elsewhere' } },
      { name: 'broken', context: { cluster: 'missing', user: 'u' } },
    ],
  });
}

const files: Readonly<Record<string, string>> = {
  '/kube/ca.pem': PEM,
  '/abs/token': 'file-token\n',
};
const readFile = async (path: string) => {
  const text = files[path];
  if (text === undefined) throw new Error('ENOENT');
  return text;
};
const load = (text: string, more: Partial<KubeconfigOptions> = {}) =>
  kubeconfigConnection(text, { source: '"/kube/config"', readFile, clock: fakeClock(), ...more });

test('takes the current context apart', async () => {
  const text = kubeconfig({
    cluster: {
      'certificate-authority-data': base64(PEM),
      'tls-server-name': 'kubernetes',
      'proxy-url': 'http://proxy:3128',
    },
    user: {
      'client-certificate-data': base64(PEM),
      'client-key-data': base64('-----BEGIN PRIVATE KEY-----\n'),
    },
    context: { namespace: 'velero' },
  });
  expect(await load(text)).toEqual({
    source: 'context "prod"',
    server: 'https://api.example:6443',
    namespace: 'velero',
    ca: PEM,
    serverName: 'kubernetes',
    clientCertificate: { certificate: PEM, key: '-----BEGIN PRIVATE KEY-----\n' },
    proxyEnv: { HTTPS_PROXY: 'http://proxy:3128' },
  });
});

test('takes another context where it is asked to', async () => {
  const found = await load(kubeconfig(), { context: 'other' });
  expect(found).toMatchObject({ source: 'context "other"', namespace: 'elsewhere' });
});

test("reads files relative to its folder; what is inline comes first; a token's file before a token", async () => {
  const cluster = { 'certificate-authority': 'ca.pem' };
  const user = { token: 'inline', tokenFile: '/abs/token' };
  const found = await load(kubeconfig({ cluster, user }), { folder: '/kube' });
  expect(found.ca).toBe(PEM);
  expect(await found.token?.({ refresh: false })).toBe('file-token');
  const both = { 'certificate-authority': 'missing', 'certificate-authority-data': base64(PEM) };
  expect((await load(kubeconfig({ cluster: both }))).ca).toBe(PEM);
  const plain = await load(kubeconfig({ user: { token: 'inline' } }));
  expect(await plain.token?.({ refresh: false })).toBe('inline');
});

test('a server below a path keeps it', async () => {
  const rancher = kubeconfig({ cluster: { server: 'https://rancher.example/k8s/clusters/c-1/' } });
  expect((await load(rancher)).server).toBe('https://rancher.example/k8s/clusters/c-1');
  world.server.answer(() => ({ body: configMap('a') }));
  const [asked] = await world.requestsOf(() =>
    world
      .api({ server: `${world.server.url}/k8s/clusters/c-1` })
      .get(CONFIG_MAPS, { name: 'a', namespace: 'shop' }),
  );
  expect(asked?.path).toBe('/k8s/clusters/c-1/api/v1/namespaces/shop/configmaps/a');
});

test('skips verification only where the caller allows it as well', async () => {
  const text = kubeconfig({ cluster: { 'insecure-skip-tls-verify': true } });
  await expect(load(text)).rejects.toMatchObject({ code: 'KUBECONFIG_UNSUPPORTED' });
  expect(await load(text, { allowInsecure: true })).toHaveProperty('insecure', true);
  const ca = { 'insecure-skip-tls-verify': true, 'certificate-authority-data': base64(PEM) };
  const both = load(kubeconfig({ cluster: ca }), { allowInsecure: true });
  await expect(both).rejects.toMatchObject({ code: 'KUBECONFIG_INVALID' });
});

test('of two entries with one name the first counts, as with kubectl', async () => {
  const text = kubeconfig().replace(
    'users:',
    '  - {name: c, cluster: {server: "https://b"}}\nusers:',
  );
  expect((await load(text)).server).toBe('https://api.example:6443');
});

describe('refuses', () => {
  test.each([
    ['what is no YAML', 'a: [canary', 'KUBECONFIG_INVALID'],
    ['what is no object', '- canary', 'KUBECONFIG_INVALID'],
    ['nothing', '', 'KUBECONFIG_INVALID'],
    ['a billion laughs', laughs(), 'KUBECONFIG_INVALID'],
    ['more than 1 MiB', `# ${'x'.repeat(1 << 20)}`, 'KUBECONFIG_INVALID'],
    ['no context', 'clusters: []', 'CONTEXT_UNKNOWN'],
    ['exec', kubeconfig({ user: { exec: { command: 'canary' } } }), 'KUBECONFIG_UNSUPPORTED'],
    ['auth-provider', kubeconfig({ user: { 'auth-provider': {} } }), 'KUBECONFIG_UNSUPPORTED'],
    [
      'a password',
      kubeconfig({ user: { username: 'a', password: 'canary' } }),
      'KUBECONFIG_UNSUPPORTED',
    ],
    [
      'impersonation',
      kubeconfig({ user: { token: 'canary', as: 'admin' } }),
      'KUBECONFIG_UNSUPPORTED',
    ],
    [
      'plain http',
      kubeconfig({ cluster: { server: 'http://127.0.0.1:8001' } }),
      'KUBECONFIG_UNSUPPORTED',
    ],
    [
      'a password in the URL',
      kubeconfig({ cluster: { server: 'https://u:canary@h' } }),
      'KUBECONFIG_UNSUPPORTED',
    ],
    [
      'a SOCKS proxy',
      kubeconfig({ cluster: { 'proxy-url': 'socks5://u:canary@h' } }),
      'KUBECONFIG_UNSUPPORTED',
    ],
    ['no URL', kubeconfig({ cluster: { server: 'api' } }), 'KUBECONFIG_INVALID'],
    [
      'half a certificate',
      kubeconfig({ user: { 'client-key-data': base64('-----BEGIN canary') } }),
      'KUBECONFIG_INVALID',
    ],
    [
      'no PEM',
      kubeconfig({ cluster: { 'certificate-authority-data': 'canary' } }),
      'KUBECONFIG_INVALID',
    ],
    [
      'a file relative to nothing',
      kubeconfig({ user: { tokenFile: 'token' } }),
      'KUBECONFIG_INVALID',
    ],
    [
      'a file that is missing',
      kubeconfig({ cluster: { 'certificate-authority': '/no' } }),
      'KUBECONFIG_INVALID',
    ],
  ])('%s', async (_, text, code) => {
    const error = await load(text).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code, failure: 'usage' });
    expect(String(error)).toMatch(/^DrydockError: Cannot use .*"\/kube\/config"/);
    expect(String(error)).not.toContain('canary');
  });

  test('a context that is not there, naming those that are', async () => {
    const error = load(kubeconfig(), { context: 'staging' });
    await expect(error).rejects.toMatchObject({ hint: 'Contexts are prod, other, broken' });
    const broken = load(kubeconfig(), { context: 'broken' });
    await expect(broken).rejects.toThrow('names the cluster "missing", which it has not');
  });
});

function laughs(): string {
  const lines = ['a0: &a0 [canary]'];
  for (let at = 1; at < 12; at += 1) {
    lines.push(
      `a${at}: &a${at} [${Array(9)
        .fill(`*a${at - 1}`)
        .join(',')}]`,
    );
  }
  return lines.join('\n');
}
