import { toolFolder, toolPath } from '../tools/tools.ts';
import type { ControlPlanePrograms } from './control-plane.ts';
import type { KwokPrograms } from './kwok.ts';
import type { VeleroPrograms } from './velero-server.ts';

/** The installed control plane (group `kubernetes`). Throws `InstallError` when it is not. */
export function controlPlanePrograms(): ControlPlanePrograms {
  return {
    etcd: toolPath('etcd'),
    kubeApiserver: toolPath('kubernetes', 'kube-apiserver'),
    kubeControllerManager: toolPath('kubernetes', 'kube-controller-manager'),
    kubeScheduler: toolPath('kubernetes', 'kube-scheduler'),
  };
}

/** The installed KWOK (group `kubernetes`). Throws `InstallError` when it is not. */
export function kwokPrograms(): KwokPrograms {
  return { kwok: toolPath('kwok'), stagesFolder: `${toolFolder('kwok')}/stages` };
}

/** The installed Velero (group `velero`). Throws `InstallError` when it is not. */
export function veleroPrograms(): VeleroPrograms {
  return {
    velero: toolPath('velero'),
    awsPlugin: toolPath('velero-plugin-for-aws'),
    snapshotCrdsFolder: `${toolFolder('velero')}/snapshot-crds`,
  };
}
