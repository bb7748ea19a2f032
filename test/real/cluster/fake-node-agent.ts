import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { KubeObject } from './api.ts';
import type { ControlPlane } from './control-plane.ts';
import { applyAll, waitForObject } from './manifests.ts';
import { VELERO_NAMESPACE, type VeleroServer, veleroPath } from './velero-server.ts';

const run = promisify(execFile);

/** Where Velero's data path processes leave their result, as a pod would; fixed in Velero. */
const TERMINATION_LOG = '/dev/termination-log';

/** Stands in for the node-agent's controller; the data path that it starts is Velero's own. */
export interface FakeNodeAgent {
  stop(): Promise<void>;
}

/** `volumeFolder` names the folder that holds the files of a pod's volume. */
export interface FakeNodeAgentOptions {
  readonly node: string;
  readonly volumeFolder: (namespace: string, pod: string, volume: string) => string;
}

interface BackupResult {
  readonly snapshotID: string;
  readonly emptySnapshot: boolean;
  readonly source: { readonly byPath: string };
  readonly totalBytes?: number;
  readonly incrementalBytes?: number;
}

/**
 * Serves PodVolumeBackups of one node, one after the other: what the node-agent's controller does
 * to the record (velero source, pkg/controller/pod_volume_backup_controller.go), around
 * `velero pod-volume backup` as a plain process, which writes the Kopia repository.
 *
 * Needs the right to create /dev/termination-log; the file is removed after each use.
 */
export async function startFakeNodeAgent(
  plane: ControlPlane,
  server: VeleroServer,
  options: FakeNodeAgentOptions,
): Promise<FakeNodeAgent> {
  await applyAll(plane.api, [agentPod(options.node)]);
  await waitForObject(
    plane.api,
    `/api/v1/namespaces/${VELERO_NAMESPACE}/pods/node-agent-0`,
    (pod) => (pod.status?.['phase'] === 'Running' ? true : undefined),
  );
  let running = true;
  const loop = (async () => {
    while (running) {
      for (const record of await plane.api.list(veleroPath('podvolumebackups'))) {
        const fresh = ['', 'New', undefined].includes(record.status?.['phase'] as string);
        if (fresh) await serve(plane, server, options, record);
      }
      await sleep(500);
    }
  })();
  loop.catch(() => undefined);
  return {
    stop: async () => {
      running = false;
      await loop;
    },
  };
}

function agentPod(node: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'node-agent-0',
      namespace: VELERO_NAMESPACE,
      labels: { name: 'node-agent', role: 'node-agent' },
    },
    spec: {
      nodeName: node,
      containers: [{ name: 'node-agent', image: 'velero/velero:v1.18.2' }],
    },
  };
}

async function serve(
  plane: ControlPlane,
  server: VeleroServer,
  options: FakeNodeAgentOptions,
  record: KubeObject,
): Promise<void> {
  const path = veleroPath('podvolumebackups', record.metadata.name);
  const report = (status: object) => plane.api.mergePatch(path, { status });
  await report({ phase: 'InProgress', startTimestamp: now() });
  const pod = record.spec?.['pod'] as { namespace: string; name: string };
  const folder = options.volumeFolder(pod.namespace, pod.name, String(record.spec?.['volume']));
  try {
    const result = await backUp(plane, server, options.node, record.metadata.name, folder);
    const bytes = result.totalBytes ?? 0;
    await report({
      phase: 'Completed',
      path: result.source.byPath,
      snapshotID: result.snapshotID,
      completionTimestamp: now(),
      incrementalBytes: result.incrementalBytes ?? 0,
      progress: { totalBytes: bytes, bytesDone: bytes },
      ...(result.emptySnapshot ? { message: 'volume was empty so no snapshot was taken' } : {}),
    });
  } catch (error) {
    await report({ phase: 'Failed', message: String(error), completionTimestamp: now() });
  }
}

async function backUp(
  plane: ControlPlane,
  server: VeleroServer,
  node: string,
  record: string,
  folder: string,
): Promise<BackupResult> {
  await rm(TERMINATION_LOG, { force: true });
  const args = ['pod-volume', 'backup', '--kubeconfig', plane.kubeconfig];
  args.push('--namespace', VELERO_NAMESPACE, '--volume-path', folder);
  args.push('--pod-volume-backup', record, '--resource-timeout', '10m');
  try {
    await run(server.program, args, { env: { ...server.env, NODE_NAME: node } });
    return JSON.parse(await readFile(TERMINATION_LOG, 'utf8')) as BackupResult;
  } catch (error) {
    const words = await readFile(TERMINATION_LOG, 'utf8').catch(() => '');
    throw new Error(`pod-volume backup of ${record} failed: ${words}`, { cause: error });
  } finally {
    await rm(TERMINATION_LOG, { force: true });
  }
}

/** As Kubernetes writes times: whole seconds, UTC. */
function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
