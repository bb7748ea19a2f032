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
  /** The folder with the files of the volumes of a namespace. It must exist. */
  readonly volumeFolder: (namespace: string) => string;
  /** Whether a record of any kind is served; others wait for ever. */
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
  namespace: podNamespace,
  leftover: () => undefined,
};

const POD_VOLUME_RESTORES: DataPath = {
  collection: `/apis/velero.io/v1/namespaces/${VELERO_NAMESPACE}/podvolumerestores`,
  command: ({ metadata }) => ['pod-volume', 'restore', '--pod-volume-restore', metadata.name],
  namespace: podNamespace,
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

function podNamespace({ spec }: KubeObject): string {
  return (spec?.['pod'] as { namespace: string } | undefined)?.namespace ?? '';
}

/**
 * Serves PodVolumeBackups, PodVolumeRestores and DataUploads of one node, one after the other:
 * what the node-agent's controllers do to a record (velero source, pkg/controller/
 * pod_volume_backup_controller.go, pod_volume_restore_controller.go, data_upload_controller.go),
 * around Velero's own data path commands as plain processes, which read and write the Kopia
 * repository. A DataUpload reads the live folder, no snapshot is mounted.
 *
 * /dev/termination-log is removed after each use.
 *
 * @throws Error when this is not root, which alone may create that file.
 */
export async function startFakeNodeAgent(
  plane: ControlPlane,
  server: VeleroServer,
  options: FakeNodeAgentOptions,
): Promise<Loop> {
  if (process.getuid?.() !== 0) throw new Error(`run as root: Velero writes ${TERMINATION_LOG}`);
  await applyAll(plane.api, [agentDaemonSet()]);
  await waitForObject(
    plane.api,
    `/apis/apps/v1/namespaces/${VELERO_NAMESPACE}/daemonsets/node-agent`,
    (daemonSet) => (daemonSet.status?.['numberReady'] === 1 ? true : undefined),
  );
  return startLoop(async () => {
    for (const dataPath of [POD_VOLUME_BACKUPS, POD_VOLUME_RESTORES, DATA_UPLOADS]) {
      for (const record of await plane.api.list(dataPath.collection)) {
        const fresh = ['', 'New', undefined].includes(record.status?.['phase'] as string);
        if (fresh && options.serves(record)) await serve(plane, server, options, dataPath, record);
      }
    }
  }, 500);
}

/** Velero looks for these pods before it hands out work; they run nothing. */
function agentDaemonSet(): object {
  const labels = { name: 'node-agent', role: 'node-agent' };
  const containers = [{ name: 'node-agent', image: 'velero/velero:v1.18.2' }];
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'node-agent', namespace: VELERO_NAMESPACE },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers } },
    },
  };
}

/** The result that a data path process leaves (velero source, pkg/datapath/types.go). */
interface Result {
  readonly totalBytes?: number;
  /** These only after a backup. */
  readonly snapshotID?: string;
  readonly emptySnapshot?: boolean;
  readonly source?: { readonly byPath: string };
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
    const result = await runDataPath(server, options.node, args);
    const leftover = dataPath.leftover(record);
    if (leftover !== undefined) await plane.api.delete(leftover);
    await report(completed(result));
  } catch (error) {
    await report({ phase: 'Failed', message: String(error), completionTimestamp: now() });
  }
}

function completed(result: Result): object {
  const bytes = result.totalBytes ?? 0;
  const progress = { totalBytes: bytes, bytesDone: bytes };
  const ended = { phase: 'Completed', completionTimestamp: now(), progress };
  if (result.snapshotID === undefined) return ended;
  return {
    ...ended,
    path: result.source?.byPath,
    snapshotID: result.snapshotID,
    incrementalBytes: result.incrementalBytes ?? 0,
    ...(result.emptySnapshot ? { message: 'volume was empty so no snapshot was taken' } : {}),
  };
}

async function runDataPath(
  server: VeleroServer,
  node: string,
  args: readonly string[],
): Promise<Result> {
  await rm(TERMINATION_LOG, { force: true });
  try {
    await run(server.program, args, { env: { ...server.env, NODE_NAME: node } });
    return JSON.parse(await readFile(TERMINATION_LOG, 'utf8')) as Result;
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
