import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { execToken } from '../../functions/cli/exec-token.ts';
import { type ClusterContext, connectCluster } from '../../functions/clients/clusters.ts';
import type { ClusterWitness } from '../../shared/verify/job.ts';
import { fakeClock } from '../support/clock.ts';
import { type FakeApiServer, startFakeApiServer } from '../support/fake-api-server.ts';
import { silentLogger } from '../support/logger.ts';

const NAMESPACES = { group: '', version: 'v1', plural: 'namespaces' };
const CANARY = 'canary-of-the-plugin';

let server: FakeApiServer;
let folder: string;

beforeAll(async () => {
  server = await startFakeApiServer();
  const list = { kind: 'NamespaceList', apiVersion: 'v1', metadata: { resourceVersion: '1' } };
  server.answer(() => ({ body: { ...list, items: [] } }));
  folder = await mkdtemp(join(tmpdir(), 'drydock-exec-'));
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

/** A kubeconfig as `aws eks update-kubeconfig` writes it, with a plug-in that is a shell script. */
async function connect(script: string, more: Partial<ClusterContext>): Promise<ClusterWitness> {
  const command = join(folder, 'get-token.sh');
  await writeFile(command, `#!/bin/sh\n${script}\n`);
  await chmod(command, 0o700);
  const ca = Buffer.from(server.authority.certificate).toString('base64');
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command, interactiveMode: 'Never' };
  const path = join(folder, 'config');
  await writeFile(
    path,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'lab',
      clusters: [
        { name: 'lab', cluster: { server: server.url, 'certificate-authority-data': ca } },
      ],
      users: [{ name: 'lab', user: { exec } }],
      contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'lab' } }],
    }),
  );
  return connectCluster(
    { name: 'prod', access: { kind: 'kubeconfig', path }, veleroNamespace: 'velero' },
    { env: {}, clock: fakeClock(), log: silentLogger, ...more },
  );
}

const credential = (status: object): string =>
  `echo '${JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status })}'`;

function api(witness: ClusterWitness) {
  if (witness.kind === 'unreachable') throw new Error(witness.reason);
  return witness.api;
}

test('on the command line the plug-in of a kubeconfig gives the token', async () => {
  const own = api(await connect(credential({ token: CANARY }), { execToken }));
  await Array.fromAsync(own.list(NAMESPACES));
  own.close();
  expect(server.requests.at(-1)?.headers['authorization']).toBe(`Bearer ${CANARY}`);
});

test('a plug-in that fails is a denial that quotes nothing of it', async () => {
  const own = api(await connect(`echo ${CANARY} >&2; exit 1`, { execToken }));
  const error = await Array.fromAsync(own.list(NAMESPACES)).catch((caught: unknown) => caught);
  own.close();
  expect(error).toMatchObject({ code: 'denied', hint: expect.stringContaining('kubectl') });
  expect((error as Error).message).not.toContain(CANARY);
});

test('in a function there are no plug-ins, and the hint says what there is', async () => {
  const witness = await connect(credential({ token: CANARY }), {});
  expect(witness).toMatchObject({ kind: 'unreachable', hint: expect.stringContaining('eks:') });
});
