import { mkdir, writeFile } from 'node:fs/promises';
import type { KubeObject } from './api.ts';
import type { ControlPlane } from './control-plane.ts';
import { applyAll, waitForObject } from './manifests.ts';
import { freePort, type Loop, startService, stopAll } from './processes.ts';

/** KWOK's program and the folder with the stages that its release carries. */
export interface KwokPrograms {
  readonly kwok: string;
  readonly stagesFolder: string;
}

/**
 * Nodes become Ready and keep their lease; pods become Running and Ready, and go when deleted;
 * claims of the class `kwok-volume` get a volume.
 */
const STAGES = [
  'node/fast/node-initialize.yaml',
  'node/heartbeat-with-lease/node-heartbeat-with-lease.yaml',
  'pod/fast/pod-ready.yaml',
  'pod/fast/pod-complete.yaml',
  'pod/fast/pod-delete.yaml',
  'volume/fast/pvc-provision.yaml',
  'volume/fast/pv-bind.yaml',
  'volume/fast/pv-delete.yaml',
  'volume/fast/pvc-delete.yaml',
];

/** Exec into any pod runs the command on this machine. */
const LOCAL_EXEC = {
  apiVersion: 'kwok.x-k8s.io/v1alpha1',
  kind: 'ClusterExec',
  metadata: { name: 'local' },
  spec: { execs: [{ local: {} }] },
};

/**
 * Registers a node that KWOK keeps alive: its pods are reported as running though nothing runs,
 * and `exec` runs the command on this machine, in a folder of the cluster and with no rights less
 * than this process has.
 */
export async function startKwokNode(
  plane: ControlPlane,
  programs: KwokPrograms,
  name: string,
): Promise<Loop> {
  const folder = `${plane.folder}/kwok`;
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/exec.yaml`, JSON.stringify(LOCAL_EXEC));
  const port = await freePort();
  const configs = [...STAGES.map((stage) => `${programs.stagesFolder}/${stage}`)];
  configs.push(`${folder}/exec.yaml`);
  const service = startService({
    name: 'kwok',
    program: programs.kwok,
    args: [
      `--kubeconfig=${plane.kubeconfig}`,
      '--manage-all-nodes=true',
      '--node-ip=127.0.0.1',
      `--node-port=${port}`,
      `--server-address=127.0.0.1:${port}`,
      `--tls-cert-file=${plane.pki.folder}/apiserver.crt`,
      `--tls-private-key-file=${plane.pki.folder}/apiserver.key`,
      '--node-lease-duration-seconds=40',
      ...configs.map((config) => `--config=${config}`),
    ],
    logFolder: plane.logFolder,
    cwd: folder,
    env: plane.env,
  });
  try {
    await applyAll(plane.api, [nodeManifest(name)]);
    await waitForObject(plane.api, `/api/v1/nodes/${name}`, (node) =>
      isReady(node) ? true : undefined,
    );
  } catch (error) {
    await stopAll([service]);
    throw error;
  }
  return service;
}

function nodeManifest(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
      },
    },
  };
}

/** Ready, and the taint is lifted that admission gives to every new node. */
function isReady(node: KubeObject): boolean {
  const conditions = (node.status?.['conditions'] ?? []) as { type: string; status: string }[];
  const ready = conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
  return ready && node.spec?.['taints'] === undefined;
}
