import { setTimeout as sleep } from 'node:timers/promises';
import { type KubeApi, KubeApiError, type KubeObject } from './api.ts';

/** A node without a kubelet: its pods are reported as running, nothing runs. */
export interface FakeNode {
  readonly name: string;
  stop(): Promise<void>;
}

/** How the fake node looks; `kubeletPort` is where exec calls would go. */
export interface FakeNodeOptions {
  readonly name: string;
  readonly kubeletPort: number;
}

/**
 * Registers a node and keeps its pods in phase Running and Ready; pods under deletion are
 * removed. Stands in for a kubelet where no container engine exists.
 */
export async function startFakeNode(api: KubeApi, options: FakeNodeOptions): Promise<FakeNode> {
  await registerNode(api, options);
  let running = true;
  const loop = (async () => {
    while (running) {
      await tendPods(api, options.name);
      await sleep(300);
    }
  })();
  loop.catch(() => undefined);
  return {
    name: options.name,
    stop: async () => {
      running = false;
      await loop;
    },
  };
}

async function registerNode(api: KubeApi, options: FakeNodeOptions): Promise<void> {
  const path = `/api/v1/nodes/${options.name}`;
  await api.apply(path, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: options.name,
      labels: {
        'kubernetes.io/hostname': options.name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
      },
    },
  });
  const capacity = { cpu: '8', memory: '32Gi', pods: '110', 'ephemeral-storage': '100Gi' };
  await api.mergePatch(`${path}/status`, {
    status: {
      capacity,
      allocatable: capacity,
      addresses: [
        { type: 'InternalIP', address: '127.0.0.1' },
        { type: 'Hostname', address: options.name },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: options.kubeletPort } },
      nodeInfo: {
        ...{ architecture: 'amd64', operatingSystem: 'linux', kubeletVersion: 'v1.36.3' },
        ...{ machineID: '', systemUUID: '', bootID: '', kernelVersion: '', osImage: '' },
        ...{ containerRuntimeVersion: '', kubeProxyVersion: '' },
      },
      conditions: [{ type: 'Ready', status: 'True', reason: 'FakeNode', message: 'no kubelet' }],
    },
  });
  // The admission plug-in taints every new node; the controller that would lift it is off.
  await api.mergePatch(path, { spec: { taints: null } });
}

async function tendPods(api: KubeApi, node: string): Promise<void> {
  const pods = await api.list(`/api/v1/pods?fieldSelector=spec.nodeName%3D${node}`);
  for (const pod of pods) {
    const path = `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}`;
    try {
      if (pod.metadata['deletionTimestamp'] !== undefined) {
        await api.delete(`${path}?gracePeriodSeconds=0`);
      } else if (pod.status?.['phase'] === 'Pending') {
        await api.mergePatch(`${path}/status`, { status: runningStatus(pod) });
      }
    } catch (error) {
      if (!(error instanceof KubeApiError) || ![404, 409].includes(error.status)) throw error;
    }
  }
}

interface Container {
  readonly name: string;
  readonly image: string;
}

function runningStatus(pod: KubeObject): object {
  const startedAt = pod.metadata['creationTimestamp'];
  const containers = (pod.spec?.['containers'] ?? []) as Container[];
  const condition = (type: string) => ({ type, status: 'True', lastTransitionTime: startedAt });
  return {
    phase: 'Running',
    startTime: startedAt,
    hostIP: '127.0.0.1',
    podIP: '10.244.0.10',
    podIPs: [{ ip: '10.244.0.10' }],
    conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map(condition),
    containerStatuses: containers.map((container) => ({
      name: container.name,
      image: container.image,
      imageID: container.image,
      containerID: `fake://${container.name}`,
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: { startedAt } },
    })),
  };
}
