import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Certificates of one throw-away control plane, as file paths, with the admin's in memory. */
export interface Pki {
  readonly folder: string;
  readonly ca: string;
  readonly adminCertificate: string;
  readonly adminKey: string;
}

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'] as const;
const SERVER_NAMES = 'DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:10.96.0.1';

/** Makes a CA, the API server's certificate, two client certificates and the token key pair. */
export async function makePki(folder: string): Promise<Pki> {
  await mkdir(folder, { recursive: true });
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder });
  await openssl(
    ...['req', '-x509', ...CURVE, '-days', '365', '-subj', '/CN=test-ca'],
    ...['-keyout', 'ca.key', '-out', 'ca.crt'],
  );
  await issue(folder, 'apiserver', '/CN=kube-apiserver', SERVER_NAMES);
  await issue(folder, 'admin', '/O=system:masters/CN=admin');
  await issue(folder, 'kubelet-client', '/O=system:masters/CN=apiserver-kubelet-client');
  await openssl('genrsa', '-out', 'sa.key', '2048');
  await openssl('rsa', '-in', 'sa.key', '-pubout', '-out', 'sa.pub');
  return {
    folder,
    ca: await readFile(`${folder}/ca.crt`, 'utf8'),
    adminCertificate: await readFile(`${folder}/admin.crt`, 'utf8'),
    adminKey: await readFile(`${folder}/admin.key`, 'utf8'),
  };
}

async function issue(folder: string, name: string, subject: string, names?: string): Promise<void> {
  const extensions = [
    'basicConstraints=CA:FALSE',
    'keyUsage=digitalSignature,keyEncipherment',
    'extendedKeyUsage=serverAuth,clientAuth',
    ...(names === undefined ? [] : [`subjectAltName=${names}`]),
  ];
  await writeFile(`${folder}/${name}.ext`, `${extensions.join('\n')}\n`);
  await run(
    'openssl',
    ['req', ...CURVE, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`],
    { cwd: folder },
  );
  await run(
    'openssl',
    [
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key'],
      ...['-CAcreateserial', '-days', '365', '-extfile', `${name}.ext`, '-out', `${name}.crt`],
    ],
    { cwd: folder },
  );
}

/** A kubeconfig of the cluster's administrator with everything inlined. */
export function kubeconfigOf(pki: Pki, url: string): string {
  const inline = (text: string) => Buffer.from(text).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [
      { name: 'test', cluster: { server: url, 'certificate-authority-data': inline(pki.ca) } },
    ],
    users: [
      {
        name: 'admin',
        user: {
          'client-certificate-data': inline(pki.adminCertificate),
          'client-key-data': inline(pki.adminKey),
        },
      },
    ],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
  });
}
