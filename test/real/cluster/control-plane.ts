import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { connectKubeApi, type KubeApi } from './api.ts';
import { kubeconfigOf, makePki, type Pki } from './pki.ts';
import { freePorts, type Service, startService, stopAll, waitUntilReady } from './processes.ts';

/** The programs of a control plane, by absolute path. */
export interface ControlPlanePrograms {
  readonly etcd: string;
  readonly kubeApiserver: string;
  readonly kubeControllerManager: string;
  readonly kubeScheduler: string;
}

/** A running API server with etcd, controllers and scheduler; everything on loopback. */
export interface ControlPlane {
  readonly api: KubeApi;
  readonly kubeconfig: string;
  readonly folder: string;
  readonly logFolder: string;
  readonly pki: Pki;
  /** What a further process of this cluster should be started with. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends every process and removes the folder. */
  stop(): Promise<void>;
}

/** Where the cluster keeps its files; a new temporary folder when left out. */
export interface ControlPlaneOptions {
  readonly programs: ControlPlanePrograms;
  readonly folder?: string;
}

const SERVICE_CIDR = '10.96.0.0/16';

/** What needs a cloud provider or CSI drivers on the nodes. */
const DISABLED_CONTROLLERS = [
  'node-ipam-controller',
  'cloud-node-lifecycle-controller',
  'service-lb-controller',
  'node-route-controller',
  'persistentvolume-attach-detach-controller',
];

/**
 * Starts etcd, kube-apiserver, kube-controller-manager and kube-scheduler as plain processes on
 * free ports and waits until the API server is ready and the default service accounts are made.
 *
 * @throws Error with the tail of a log when a part does not come up; nothing is left running.
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const folder = options.folder ?? (await mkdtemp(`${tmpdir()}/drydock-cluster-`));
  const place = await prepare(folder);
  const services: Service[] = [];
  try {
    services.push(await startEtcd(options.programs, place));
    services.push(await startApiserver(options.programs, place));
    services.push(startController(options.programs, place));
    services.push(startScheduler(options.programs, place));
    await waitForServiceAccounts(place, services);
  } catch (error) {
    await stopAll(services);
    place.api.close();
    throw error;
  }
  return {
    api: place.api,
    kubeconfig: place.kubeconfig,
    folder,
    logFolder: place.logFolder,
    pki: place.pki,
    env: place.env,
    stop: async () => {
      place.api.close();
      await stopAll(services);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Place {
  readonly folder: string;
  readonly logFolder: string;
  readonly pki: Pki;
  readonly kubeconfig: string;
  readonly api: KubeApi;
  readonly ports: Ports;
  readonly env: Record<string, string>;
}

interface Ports {
  readonly etcdClient: number;
  readonly etcdPeer: number;
  readonly apiserver: number;
  readonly controller: number;
  readonly scheduler: number;
}

async function prepare(folder: string): Promise<Place> {
  const logFolder = `${folder}/log`;
  for (const sub of ['log', 'home', 'tmp', 'apiserver']) {
    await mkdir(`${folder}/${sub}`, { recursive: true });
  }
  const pki = await makePki(`${folder}/pki`);
  const [etcdClient = 0, etcdPeer = 0, apiserver = 0, controller = 0, scheduler = 0] =
    await freePorts(5);
  const url = `https://127.0.0.1:${apiserver}`;
  const kubeconfig = `${folder}/kubeconfig`;
  await writeFile(kubeconfig, kubeconfigOf(pki, url), { mode: 0o600 });
  return {
    folder,
    logFolder,
    pki,
    kubeconfig,
    api: connectKubeApi(url, pki),
    ports: { etcdClient, etcdPeer, apiserver, controller, scheduler },
    env: { HOME: `${folder}/home`, TMPDIR: `${folder}/tmp`, PATH: '/usr/bin:/bin' },
  };
}

function start(place: Place, name: string, program: string, args: string[]): Service {
  const { folder, logFolder, env } = place;
  return startService({ name, program, args, logFolder, cwd: folder, env });
}

async function startEtcd(programs: ControlPlanePrograms, place: Place): Promise<Service> {
  const client = `http://127.0.0.1:${place.ports.etcdClient}`;
  const peer = `http://127.0.0.1:${place.ports.etcdPeer}`;
  const service = start(place, 'etcd', programs.etcd, [
    `--data-dir=${place.folder}/etcd`,
    '--unsafe-no-fsync',
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
  ]);
  await waitUntilReady(service, async () => (await fetch(`${client}/health`)).ok);
  return service;
}

async function startApiserver(programs: ControlPlanePrograms, place: Place): Promise<Service> {
  const pki = place.pki.folder;
  const service = start(place, 'kube-apiserver', programs.kubeApiserver, [
    `--etcd-servers=http://127.0.0.1:${place.ports.etcdClient}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${place.ports.apiserver}`,
    '--endpoint-reconciler-type=none',
    // Fake nodes have names that no resolver knows.
    '--kubelet-preferred-address-types=InternalIP',
    `--cert-dir=${place.folder}/apiserver`,
    `--client-ca-file=${pki}/ca.crt`,
    `--tls-cert-file=${pki}/apiserver.crt`,
    `--tls-private-key-file=${pki}/apiserver.key`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${pki}/sa.pub`,
    `--service-account-signing-key-file=${pki}/sa.key`,
    `--service-cluster-ip-range=${SERVICE_CIDR}`,
    '--authorization-mode=RBAC',
    '--allow-privileged=true',
    `--kubelet-client-certificate=${pki}/kubelet-client.crt`,
    `--kubelet-client-key=${pki}/kubelet-client.key`,
  ]);
  await waitUntilReady(service, async () => (await place.api.text('/readyz')) === 'ok', 120_000);
  return service;
}

function startController(programs: ControlPlanePrograms, place: Place): Service {
  const controllers = ['*', ...DISABLED_CONTROLLERS.map((name) => `-${name}`)];
  return start(place, 'kube-controller-manager', programs.kubeControllerManager, [
    `--kubeconfig=${place.kubeconfig}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${place.ports.controller}`,
    `--cert-dir=${place.folder}/controller`,
    '--leader-elect=false',
    `--service-account-private-key-file=${place.pki.folder}/sa.key`,
    `--root-ca-file=${place.pki.folder}/ca.crt`,
    `--controllers=${controllers.join(',')}`,
  ]);
}

function startScheduler(programs: ControlPlanePrograms, place: Place): Service {
  return start(place, 'kube-scheduler', programs.kubeScheduler, [
    `--kubeconfig=${place.kubeconfig}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${place.ports.scheduler}`,
    `--cert-dir=${place.folder}/scheduler`,
    '--leader-elect=false',
  ]);
}

/** Pods are refused in a namespace until the controller manager has made its account. */
async function waitForServiceAccounts(place: Place, services: readonly Service[]): Promise<void> {
  const controller = services.find((service) => service.name === 'kube-controller-manager');
  if (controller === undefined) throw new Error('the controller manager was not started');
  await waitUntilReady(controller, async () => {
    await place.api.get('/api/v1/namespaces/default/serviceaccounts/default');
    return true;
  });
}
