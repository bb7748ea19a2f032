import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { stringify } from 'yaml';

/** What the API server answers for one resource: its items, or a status code. */
export type Answer = readonly object[] | number;

/**
 * A fake of the API server: lists of Velero's resources in one namespace, and refusals. The shapes
 * are those of Velero 1.18's CRDs; `test:real` has the real server.
 */
export async function fakeVeleroApi(answers: Readonly<Record<string, Answer>>) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const plural = /^\/apis\/velero\.io\/v1\/namespaces\/velero\/([a-z]+)/.exec(request.url ?? '');
    const answer = answers[plural?.[1] ?? ''] ?? 404;
    const status = typeof answer === 'number' ? answer : 200;
    const body =
      typeof answer === 'number'
        ? { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: answer }
        : { apiVersion: 'velero.io/v1', kind: 'List', metadata: {}, items: answer };
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    asked,
    kubeconfig: kubeconfig(url),
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

export function kubeconfig(server: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    // The client speaks plain HTTP only to servers whose certificate it need not check.
    clusters: [{ name: 'lab', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'me', user: { token: 'kubeconfig-canary' } }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'me' } }],
    'current-context': 'lab',
  });
}

export function backupStorageLocation(name: string, spec: object): object {
  return {
    apiVersion: 'velero.io/v1',
    kind: 'BackupStorageLocation',
    metadata: { name, namespace: 'velero' },
    spec,
    status: { phase: 'Available' },
  };
}

export function schedule(name: string, spec: object): object {
  return { apiVersion: 'velero.io/v1', kind: 'Schedule', metadata: { name }, spec };
}
