import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import type { KubeObject } from './api.ts';
import type { ControlPlane } from './control-plane.ts';
import { applyAll, waitForObject } from './manifests.ts';
import { freePorts, type Service, startService, waitUntilReady } from './processes.ts';

const run = promisify(execFile);

/** The namespace that Velero's own objects live in. */
export const VELERO_NAMESPACE = 'velero';

/** Velero's programs and the folder with the manifests of the snapshot CRDs. */
export interface VeleroPrograms {
  readonly velero: string;
  readonly awsPlugin: string;
  readonly snapshotCrdsFolder: string;
}

/** One BackupStorageLocation on an S3 endpoint, reached by static test keys. */
export interface StorageLocation {
  readonly name: string;
  readonly endpoint: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly readOnly?: boolean;
}

/** A Velero server as a plain process against a {@link ControlPlane}. */
export interface VeleroServer {
  /** The program by the neutral path under which the server runs. */
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  readonly service: Service;
  stop(): Promise<void>;
}

/** What a server is started with. `folder` appears in Velero's logs, so it should be neutral. */
export interface VeleroOptions {
  readonly programs: VeleroPrograms;
  readonly folder: string;
  readonly location: StorageLocation;
  /** Further variables of the server's environment, which its plug-ins inherit. */
  readonly env?: Readonly<Record<string, string>>;
}

const API = `/apis/velero.io/v1/namespaces/${VELERO_NAMESPACE}`;

/** Controller-runtime's metrics listener of Velero 1.18 has a fixed port. */
const CONTROLLER_METRICS_PORT = 8080;

/** The path of one of Velero's objects, e.g. `veleroPath('backups', 'nightly')`. */
export function veleroPath(resource: string, name?: string): string {
  return name === undefined ? `${API}/${resource}` : `${API}/${resource}/${name}`;
}

/** Installs Velero's and the snapshot CRDs, the namespace, the location and its credentials. */
export async function installVelero(plane: ControlPlane, options: VeleroOptions): Promise<void> {
  const { velero, snapshotCrdsFolder } = options.programs;
  const { stdout } = await run(velero, ['install', '--crds-only', '--dry-run', '-o', 'json']);
  const crds = (JSON.parse(stdout) as { items: object[] }).items;
  await applyAll(plane.api, crds.map(withoutNulls));
  await applyAll(plane.api, await snapshotCrds(snapshotCrdsFolder));
  await applyAll(plane.api, [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: VELERO_NAMESPACE } },
    serverDeployment(),
  ]);
  await applyLocation(plane, options.location);
}

/** Creates or changes a BackupStorageLocation and the Secret with its keys. */
export async function applyLocation(
  plane: ControlPlane,
  location: StorageLocation,
): Promise<KubeObject[]> {
  const secret = `credentials-${location.name}`;
  return applyAll(plane.api, [
    credentialsSecret(secret, location),
    {
      apiVersion: 'velero.io/v1',
      kind: 'BackupStorageLocation',
      metadata: { name: location.name, namespace: VELERO_NAMESPACE },
      spec: {
        provider: 'velero.io/aws',
        default: location.name === 'default',
        accessMode: location.readOnly === true ? 'ReadOnly' : 'ReadWrite',
        objectStorage: { bucket: location.bucket, prefix: location.prefix },
        config: {
          region: 'us-east-1',
          s3ForcePathStyle: 'true',
          s3Url: location.endpoint,
          checksumAlgorithm: 'CRC32',
        },
        credential: { name: secret, key: 'cloud' },
      },
    },
  ]);
}

/** Keys as Velero's AWS plug-in wants them: a credentials file under the key `cloud`. */
export function credentialsSecret(
  name: string,
  keys: { readonly accessKeyId: string; readonly secretAccessKey: string },
): object {
  const lines = [
    '[default]',
    `aws_access_key_id=${keys.accessKeyId}`,
    `aws_secret_access_key=${keys.secretAccessKey}`,
  ];
  const metadata = { name, namespace: VELERO_NAMESPACE };
  return {
    ...{ apiVersion: 'v1', kind: 'Secret' },
    metadata,
    stringData: { cloud: `${lines.join('\n')}\n` },
  };
}

/** Restores look up the server's Deployment for its image; its pods are this process instead. */
function serverDeployment(): object {
  const labels = { component: 'velero' };
  const containers = [{ name: 'velero', image: 'velero/velero:v1.18.2' }];
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'velero', namespace: VELERO_NAMESPACE, labels },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers } },
    },
  };
}

async function snapshotCrds(folder: string): Promise<object[]> {
  const names = (await readdir(folder)).filter((name) => name.startsWith('snapshot.storage'));
  const texts = await Promise.all(names.map((name) => readFile(`${folder}/${name}`, 'utf8')));
  return texts.map((text) => parse(text) as object);
}

/** Go's encoder writes unset times as null, which server-side apply does not accept. */
function withoutNulls(object: object): object {
  return JSON.parse(
    JSON.stringify(object, (_key, value: unknown) => (value === null ? undefined : value)),
  ) as object;
}

/**
 * Starts `velero server` from copies of the programs under `options.folder` and waits until the
 * location is Available.
 */
export async function startVelero(
  plane: ControlPlane,
  options: VeleroOptions,
): Promise<VeleroServer> {
  const { folder } = options;
  for (const sub of ['plugins', 'home', 'tmp'])
    await mkdir(`${folder}/${sub}`, { recursive: true });
  const program = `${folder}/velero`;
  await copyFile(options.programs.velero, program);
  await copyFile(options.programs.awsPlugin, `${folder}/plugins/velero-plugin-for-aws`);
  const [metrics = 0, profiler = 0] = await freePorts(2);
  const places = { HOME: `${folder}/home`, TMPDIR: `${folder}/tmp`, PATH: '/usr/bin:/bin' };
  const env = { ...options.env, ...places, TZ: 'UTC' };
  const service = startService({
    name: 'velero',
    program,
    args: serverArguments(plane.kubeconfig, folder, metrics, profiler),
    logFolder: plane.logFolder,
    cwd: folder,
    env,
  });
  await waitUntilReady(service, async () => {
    const location = await plane.api.get(
      veleroPath('backupstoragelocations', options.location.name),
    );
    return location.status?.['phase'] === 'Available';
  });
  return { program, env, service, stop: () => service.stop() };
}

function serverArguments(
  kubeconfig: string,
  folder: string,
  metrics: number,
  profiler: number,
): string[] {
  return [
    ...['server', '--kubeconfig', kubeconfig, '--namespace', VELERO_NAMESPACE],
    ...['--plugin-dir', `${folder}/plugins`, '--features', 'EnableCSI'],
    ...['--metrics-address', `127.0.0.1:${metrics}`],
    ...['--profiler-address', `127.0.0.1:${profiler}`],
    ...['--store-validation-frequency', '5s', '--backup-sync-period', '5s'],
    ...['--item-operation-sync-frequency', '2s'],
  ];
}

/**
 * Runs repository maintenance for a namespace's Kopia repository as a plain process, which the
 * server would start as a Job.
 */
export async function maintainRepository(
  plane: ControlPlane,
  server: VeleroServer,
  namespace: string,
  location: string,
): Promise<void> {
  const args = ['repo-maintenance', '--repo-name', namespace];
  args.push('--backup-storage-location', location, '--repo-type', 'kopia');
  args.push('--kubeconfig', plane.kubeconfig, '--namespace', VELERO_NAMESPACE);
  await run(server.program, args, { env: server.env });
}

/** Throws when another program holds the port that Velero cannot be told to leave. */
export async function checkVeleroPort(): Promise<void> {
  const taken = await fetch(`http://127.0.0.1:${CONTROLLER_METRICS_PORT}/`).then(
    () => true,
    () => false,
  );
  if (taken) {
    throw new Error(`free 127.0.0.1:${CONTROLLER_METRICS_PORT} first: Velero listens on it`);
  }
}

/** Waits until a Backup or Restore has one of the phases; gives the object as it stands then. */
export function waitForPhase(
  plane: ControlPlane,
  resource: 'backups' | 'restores',
  name: string,
  phases: readonly string[],
  timeoutMs = 240_000,
): Promise<KubeObject> {
  return waitForObject(
    plane.api,
    veleroPath(resource, name),
    (object) => (phases.includes(String(object.status?.['phase'])) ? object : undefined),
    timeoutMs,
  );
}
