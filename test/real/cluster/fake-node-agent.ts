import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { KubeObject } from './api.ts';
import type { ControlPlane } from './control-plane.ts';
import { applyAll, waitForObject } from './manifests.ts';
import { type Loop, startLoop } from './processes.ts';
import { VELERO_NAMESPACE, type VeleroServer } from './velero-server.ts';

const run = promisify(execFile);

/** Where Velero's data path processes leave their result, as a pod would; fixed in Velero. */
const TERMINATION_LOG = '/dev/termination-log';

/** What the agent serves and where it finds the files of a volume. */
export interface FakeNodeAgentOptions {
  readonly node: string;
  /** The folder with the files of the volumes of a namespace. */
  readonly volumeFolder: (namespace: string) => string;
  /** Whether a record (PodVolumeBackup or DataUpload) is served; others wait for ever. */
  readonly serves: (record: KubeObject) => boolean;
}

/** One kind of record: its place in the API, and the command that does its work. */
interface DataPath {
  readonly collection: string;
  readonly command: (record: KubeObject) => string[];
  readonly namespace: (record: KubeObject) => string;
  /** What else is removed when the data has been written. */
  readonly leftover: (record: KubeObject) => string | undefined;
}

const POD_VOLUME_BACKUPS: DataPath = {
  collection: `/apis/velero.io/v1/namespaces/${VELERO_NAMESPACE}/podvolumebackups`,
  command: ({ metadata }) => ['pod-volume', 'backup', '--pod-volume-backup', metadata.name],
  namespace: ({ spec }) => (spec?.['pod'] as { namespace: string } | undefined)?.namespace ?? '',
  leftover: () => undefined,
};

const DATA_UPLOADS: DataPath = {
  collection: `/apis/velero.io/v2alpha1/namespaces/${VELERO_NAMESPACE}/datauploads`,
  command: ({ metadata }) => [
    ...['data-mover', 'backup', '--data-upload', metadata.name],
    ...['--volume-mode', 'Filesystem'],
  ],
  namespace: ({ spec }) => String(spec?.['sourceNamespace']),
  leftover: ({ spec }) => {
    const snapshot = spec?.['csiSnapshot'] as { volumeSnapshot: string } | undefined;
    const place = `/apis/snapshot.storage.k8s.io/v1/namespaces/${spec?.['sourceNamespace']}`;
    return snapshot && `${place}/volumesnapshots/${snapshot.volumeSnapshot}`;
  },
};

/**
 * Serves PodVolumeBackups and DataUploads of one node, one after the other: what the node-agent's
 * controllers do to a record (velero source, pkg/controller/pod_volume_backup_controller.go and
 * data_upload_controller.go), around Velero's own data path commands as plain processes, which
 * write the Kopia repository. A DataUpload reads the live folder, no snapshot is mounted.
 *
 * Needs the right to create /dev/termination-log; the file is removed after each use.
 */
export async function startFakeNodeAgent(
  plane: ControlPlane,
  server: VeleroServer,
  options: FakeNodeAgentOptions,
): Promise<Loop> {
  await applyAll(plane.api, [agentPod(options.node)]);
  await waitForObject(
    plane.api,
    `/api/v1/namespaces/${VELERO_NAMESPACE}/pods/node-agent-0`,
    (pod) => (pod.status?.['phase'] === 'Running' ? true : undefined),
  );
  return startLoop(async () => {
    for (const dataPath of [POD_VOLUME_BACKUPS, DATA_UPLOADS]) {
      for (const record of await plane.api.list(dataPath.collection)) {
        const fresh = ['', 'New', undefined].includes(record.status?.['phase'] as string);
        if (fresh && options.serves(record)) await serve(plane, server, options, dataPath, record);
      }
    }
  }, 500);
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

/** The result that a data path process leaves (velero source, pkg/datapath/types.go). */
interface BackupResult {
  readonly snapshotID: string;
  readonly emptySnapshot: boolean;
  readonly source: { readonly byPath: string };
  readonly totalBytes?: number;
  readonly incrementalBytes?: number;
}

async function serve(
  plane: ControlPlane,
  server: VeleroServer,
  options: FakeNodeAgentOptions,
  dataPath: DataPath,
  record: KubeObject,
): Promise<void> {
  const path = `${dataPath.collection}/${record.metadata.name}`;
  const report = (status: object) => plane.api.mergePatch(path, { status });
  await report({ phase: 'InProgress', startTimestamp: now() });
  const args = dataPath.command(record);
  args.push('--volume-path', options.volumeFolder(dataPath.namespace(record)));
  args.push('--kubeconfig', plane.kubeconfig, '--namespace', VELERO_NAMESPACE);
  args.push('--resource-timeout', '10m');
  try {
    const result = await backUp(server, options.node, args);
    const leftover = dataPath.leftover(record);
    if (leftover !== undefined) await plane.api.delete(leftover);
    await report(completed(result));
  } catch (error) {
    await report({ phase: 'Failed', message: String(error), completionTimestamp: now() });
  }
}

function completed(result: BackupResult): object {
  const bytes = result.totalBytes ?? 0;
  return {
    phase: 'Completed',
    path: result.source.byPath,
    snapshotID: result.snapshotID,
    completionTimestamp: now(),
    incrementalBytes: result.incrementalBytes ?? 0,
    progress: { totalBytes: bytes, bytesDone: bytes },
    ...(result.emptySnapshot ? { message: 'volume was empty so no snapshot was taken' } : {}),
  };
}

async function backUp(
  server: VeleroServer,
  node: string,
  args: readonly string[],
): Promise<BackupResult> {
  await rm(TERMINATION_LOG, { force: true });
  try {
    await run(server.program, args, { env: { ...server.env, NODE_NAME: node } });
    return JSON.parse(await readFile(TERMINATION_LOG, 'utf8')) as BackupResult;
  } catch (error) {
    const words = await readFile(TERMINATION_LOG, 'utf8').catch(() => '');
    throw new Error(`velero ${args.join(' ')} failed: ${words}`, { cause: error });
  } finally {
    await rm(TERMINATION_LOG, { force: true });
  }
}

/** As Kubernetes writes times: whole seconds, UTC. */
function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
