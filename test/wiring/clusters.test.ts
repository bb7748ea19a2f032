import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { connectCluster } from '../../functions/clients/clusters.ts';
import type { ClusterAccess } from '../../shared/config/config.ts';
import type { ResourceType } from '../../shared/kubernetes/api.ts';
import type { ClusterWitness } from '../../shared/verify/job.ts';
import { fakeClock } from '../support/clock.ts';
import { type FakeApiServer, startFakeApiServer } from '../support/fake-api-server.ts';
import { listening, type RunningFake } from '../support/fake-server.ts';
import { silentLogger } from '../support/logger.ts';
import { startTokenServices, type TokenServices } from './fake-token-services.ts';

const NAMESPACES: ResourceType = { group: '', version: 'v1', plural: 'namespaces' };

let server: FakeApiServer;
let folder: string;
const open: { close(): void }[] = [];

beforeAll(async () => {
  server = await startFakeApiServer();
  server.answer(() => ({
    body: {
      kind: 'NamespaceList',
      apiVersion: 'v1',
      metadata: { resourceVersion: '1' },
      items: [],
    },
  }));
});
afterAll(async () => {
  await server?.close();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drydock-clusters-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const api of open.splice(0)) api.close();
  await rm(folder, { recursive: true, force: true });
});

const ca = () => Buffer.from(server.authority.certificate).toString('base64');

async function connect(
  access: ClusterAccess,
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<ClusterWitness> {
  const cluster = { name: 'prod', access, veleroNamespace: 'velero' };
  const context = { env, clock: fakeClock(), log: silentLogger };
  const witness = await connectCluster(cluster, context);
  if (witness.kind === 'connected') open.push(witness.api);
  return witness;
}

/** The token with which the server is asked through a connected witness. */
async function tokenShown(witness: ClusterWitness): Promise<string> {
  if (witness.kind === 'unreachable') throw new Error(`${witness.reason}: ${witness.hint}`);
  expect(await Array.fromAsync(witness.api.list(NAMESPACES))).toEqual([]);
  const shown = server.requests.at(-1)?.headers['authorization'];
  return String(shown).replace(/^Bearer /, '');
}

function kubeconfig(tokens: Readonly<Record<string, string>>, current?: string): string {
  const names = Object.keys(tokens);
  const cluster = { server: server.url, 'certificate-authority-data': ca() };
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'lab', cluster }],
    users: names.map((name) => ({ name, user: { token: tokens[name] } })),
    contexts: names.map((name) => ({ name, context: { cluster: 'lab', user: name } })),
    ...(current !== undefined && { 'current-context': current }),
  });
}

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

describe('by kubeconfig', () => {
  test('the file and the context that the configuration names', async () => {
    const path = await file('config', kubeconfig({ one: 'token-1', two: 'token-2' }, 'one'));
    const named = await connect({ kind: 'kubeconfig', path, context: 'two' });
    expect(await tokenShown(named)).toBe('token-2');
    expect(await tokenShown(await connect({ kind: 'kubeconfig', path }))).toBe('token-1');
  });

  test('else where kubectl looks: KUBECONFIG, and the home', async () => {
    const KUBECONFIG = await file('config', kubeconfig({ one: 'from-env' }, 'one'));
    expect(await tokenShown(await connect({ kind: 'kubeconfig' }, { KUBECONFIG }))).toBe(
      'from-env',
    );
    await mkdir(join(folder, '.kube'));
    await file('.kube/config', kubeconfig({ one: 'from-home' }, 'one'));
    const HOME = folder;
    expect(await tokenShown(await connect({ kind: 'kubeconfig' }, { HOME }))).toBe('from-home');
    const atHome = await connect({ kind: 'kubeconfig', path: '~/config' }, { HOME });
    expect(await tokenShown(atHome)).toBe('from-env');
  });

  test('what stands in the way is told, with the next step and without a secret', async () => {
    const path = await file('config', kubeconfig({ one: 'token-canary' }, 'one'));
    const broken = await file('broken', 'token: token-canary: [');
    const KUBECONFIG = `/nowhere/a${delimiter}/nowhere/b`;
    const cases = [
      [await connect({ kind: 'kubeconfig', path, context: 'three' }), /"three"/, /one/],
      [await connect({ kind: 'kubeconfig', path: '/nowhere/config' }), /ENOENT/, /KUBECONFIG/],
      [await connect({ kind: 'kubeconfig', path: broken }), /no YAML/, /kubectl config view/],
      [await connect({ kind: 'kubeconfig' }, { KUBECONFIG }), /2 files/, /--flatten/],
    ] as const;
    for (const [witness, reason, hint] of cases) {
      expect(witness).toMatchObject({
        kind: 'unreachable',
        reason: expect.stringMatching(reason),
        hint: expect.stringMatching(hint),
      });
      expect(JSON.stringify(witness)).not.toContain('canary');
    }
  });
});

test('from within, outside of a cluster, is unreachable', async () => {
  expect(await connect({ kind: 'in-cluster' })).toMatchObject({
    kind: 'unreachable',
    reason: expect.stringContaining('KUBERNETES_SERVICE_HOST'),
    hint: expect.stringContaining('service account'),
  });
});

describe('EKS', () => {
  const eks = { kind: 'eks', name: 'prod', region: 'eu-central-1' } as const;
  const asked: string[] = [];
  let answer: { readonly status: number; readonly body: object; readonly type?: string };
  let control: RunningFake;
  let tokens: TokenServices;

  beforeAll(async () => {
    tokens = await startTokenServices();
    // A fake of the control plane of EKS: one answer, in the documented REST shape of DescribeCluster.
    control = await listening(
      createServer((request, response) => {
        asked.push(`${request.method} ${request.url} ${request.headers.authorization ?? ''}`);
        const { status, body, type } = answer;
        const named = type === undefined ? {} : { 'x-amzn-errortype': type };
        response.writeHead(status, { 'content-type': 'application/json', ...named });
        response.end(JSON.stringify(body));
      }),
    );
  });
  afterAll(async () => {
    await control?.close();
    await tokens?.close();
  });
  beforeEach(() => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAHOME');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'home-canary');
    vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
    vi.stubEnv('AWS_ENDPOINT_URL_EKS', control.url);
    vi.stubEnv('AWS_ENDPOINT_URL_STS', tokens.sts);
    const cluster = { name: 'prod', endpoint: server.url, certificateAuthority: { data: ca() } };
    answer = { status: 200, body: { cluster } };
    asked.length = 0;
  });

  const signer = (token: string) =>
    new URL(Buffer.from(token.slice('k8s-aws-v1.'.length), 'base64url').toString()).searchParams;

  test('is asked where its API server is, which then gets a token', async () => {
    const token = await tokenShown(await connect(eks));
    expect(signer(token).get('X-Amz-Credential')).toMatch(/^AKIAHOME\/\d+\/eu-central-1\/sts\//);
    expect(asked).toEqual([expect.stringMatching(/^GET \/clusters\/prod .*AKIAHOME/)]);
  });

  test('is not asked when the configuration says it; a role signs where it names one', async () => {
    const roleArn = 'arn:aws:iam::111122223333:role/observer';
    const known = { ...eks, server: server.url, certificateAuthority: ca() };
    expect(signer(await tokenShown(await connect(known))).get('X-Amz-Credential')).toContain(
      'AKIAHOME',
    );
    const token = await tokenShown(await connect({ ...known, roleArn }));
    expect(signer(token).get('X-Amz-Credential')).toContain('ASIAROLE');
    expect(asked).toEqual([]);
    await tokenShown(await connect({ ...eks, roleArn }));
    expect(asked).toEqual([expect.stringContaining('ASIAROLE')]);
  });

  test.each([
    ['AccessDeniedException', 403, /access denied/, /eks:DescribeCluster/],
    ['ResourceNotFoundException', 404, /there is none/, /list-clusters/],
    ['ServerException', 500, /no answer \(ServerException\)/, /network/],
    ['ThrottlingException', 429, /no answer \(ThrottlingException\)/, /network/],
  ])('that answers %s is unreachable, and no more', async (type, status, reason, hint) => {
    answer = { status, body: { message: 'User home-canary may not' }, type };
    const witness = await connect(eks);
    expect(witness).toMatchObject({
      kind: 'unreachable',
      reason: expect.stringMatching(reason),
      hint: expect.stringMatching(hint),
    });
    expect(JSON.stringify(witness)).not.toContain('canary');
  });

  test('that is being made, or does not answer, is unreachable', async () => {
    answer = { status: 200, body: { cluster: { name: 'prod', status: 'CREATING' } } };
    expect(await connect(eks)).toMatchObject({ reason: expect.stringContaining('no endpoint') });
    vi.stubEnv('AWS_ENDPOINT_URL_EKS', 'http://127.0.0.1:1');
    expect(await connect(eks)).toMatchObject({ reason: expect.stringContaining('no answer') });
  });
});

test('AKS gets a token of Entra for its API servers', async () => {
  const tokens = await startTokenServices();
  try {
    vi.stubEnv('IDENTITY_ENDPOINT', tokens.managedIdentity);
    vi.stubEnv('IDENTITY_HEADER', 'header-canary');
    const aks = { kind: 'aks', server: server.url, certificateAuthority: ca() } as const;
    expect(await tokenShown(await connect(aks, process.env))).toBe('entra-token');
    const { resource } = tokens.requests[0]?.parameters ?? {};
    expect(resource).toBe('6dae42f8-4368-4678-94ff-3960e28e3630');
  } finally {
    await tokens.close();
  }
});
