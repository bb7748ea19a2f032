/**
 * The released tools that the real tests and the fixture scripts run, each by exact version.
 * A row is data: `install.ts` knows how to carry out each kind of recipe, and a tool is rebuilt
 * when its row, or any file in the folder that the row names, changes.
 */

/** `core` is what every real test run needs; the other groups are installed on request. */
export type ToolGroup =
  | 'core'
  | 'kopia-lz4'
  | 'kopia-old'
  | 'kubernetes'
  | 'velero'
  | 'performance';

export interface GoProgram {
  /** Name of the executable, as `toolPath(tool, output)` asks for it. */
  output: string;
  /** Import path of its `package main`. */
  package: string;
}

/** A file or folder that a Go module carries beside its code (manifests, for example). */
export interface ModuleFiles {
  module: string;
  /** Path inside the module. */
  from: string;
  /** Path below the tool's folder, see `toolFolder`. */
  to: string;
}

/**
 * Builds programs from a folder here that holds go.mod (with `tool` lines) and go.sum. Every
 * version and checksum is in those two files, so that no lookup by "latest" takes place.
 */
export interface GoModuleRecipe {
  how: 'go-module';
  folder: string;
  programs: readonly GoProgram[];
  ldflags?: string;
  files?: readonly ModuleFiles[];
}

/** `go install package@version`: for modules without replaces that stamp their own version. */
export interface GoInstallRecipe {
  how: 'go-install';
  /** Import path of the `package main`; the executable has its last element's name. */
  package: string;
  ldflags?: string;
}

/** A virtual environment filled from `<folder>/requirements.txt`, where every line is exact. */
export interface PipRecipe {
  how: 'pip';
  folder: string;
  /** Executables in the environment's `bin`, the first being the tool itself. */
  programs: readonly string[];
}

export type Recipe = GoModuleRecipe | GoInstallRecipe | PipRecipe;

export interface ToolPin {
  /** Unique, used by `toolPath(name)`. */
  name: string;
  /** As the tool's own releases write it, without a leading v for Kopia. */
  version: string;
  group: ToolGroup;
  recipe: Recipe;
}

/**
 * Kopia writes its version into every repository that it creates (`buildVersion` in
 * `kopia.repository`), and a build without a stamp writes "v0-unofficial". The stamps are the
 * ones that Kopia's own release configuration passes to the linker.
 */
function kopia(version: string, group: ToolGroup, name: string, commit: string): ToolPin {
  const repo = 'github.com/kopia/kopia/repo';
  return {
    name,
    version,
    group,
    recipe: {
      how: 'go-module',
      folder: `kopia-${version}`,
      programs: [{ output: 'kopia', package: 'github.com/kopia/kopia' }],
      ldflags: `-s -w -X ${repo}.BuildVersion=${version} -X ${repo}.BuildInfo=${commit}`,
    },
  };
}

const KUBERNETES = '1.36.3';

/** A build without stamps says "v0.0.0-master", which `kubectl version` cannot parse. */
function kubernetesStamps(): string {
  const [major, minor] = KUBERNETES.split('.');
  const base = 'k8s.io/component-base/version';
  return [
    '-s -w',
    `-X ${base}.gitVersion=v${KUBERNETES} -X ${base}.gitTreeState=clean`,
    `-X ${base}.gitMajor=${major} -X ${base}.gitMinor=${minor}`,
    `-X k8s.io/client-go/pkg/version.gitVersion=v${KUBERNETES}`,
  ].join(' ');
}

/** The programs of one folder of `k8s.io/kubernetes/cmd`. */
function kubernetesPrograms(...names: string[]): GoProgram[] {
  return names.map((name) => ({ output: name, package: `k8s.io/kubernetes/cmd/${name}` }));
}

/** A control plane and Velero, started as plain processes by `test/real/cluster`. */
const CLUSTER_TOOLS: readonly ToolPin[] = [
  {
    name: 'etcd',
    version: '3.6.14',
    group: 'kubernetes',
    recipe: {
      how: 'go-module',
      folder: 'etcd-3.6.14',
      programs: [{ output: 'etcd', package: 'go.etcd.io/etcd/server/v3' }],
    },
  },
  {
    name: 'kubernetes',
    version: KUBERNETES,
    group: 'kubernetes',
    recipe: {
      how: 'go-module',
      folder: `kubernetes-${KUBERNETES}`,
      programs: kubernetesPrograms('kube-apiserver', 'kube-controller-manager', 'kube-scheduler'),
      ldflags: kubernetesStamps(),
    },
  },
  {
    name: 'kwok',
    version: '0.8.0',
    group: 'kubernetes',
    recipe: {
      how: 'go-module',
      folder: 'kwok-0.8.0',
      programs: [{ output: 'kwok', package: 'sigs.k8s.io/kwok/cmd/kwok' }],
      files: [{ module: 'sigs.k8s.io/kwok', from: 'kustomize/stage', to: 'stages' }],
    },
  },
  {
    name: 'velero',
    version: '1.18.2',
    group: 'velero',
    recipe: {
      how: 'go-module',
      folder: 'velero-1.18.2',
      programs: [{ output: 'velero', package: 'github.com/vmware-tanzu/velero/cmd/velero' }],
      ldflags: [
        '-s -w -X github.com/vmware-tanzu/velero/pkg/buildinfo.Version=v1.18.2',
        '-X github.com/vmware-tanzu/velero/pkg/buildinfo.GitTreeState=clean',
      ].join(' '),
      files: [
        {
          module: 'github.com/kubernetes-csi/external-snapshotter/client/v8',
          from: 'config/crd',
          to: 'snapshot-crds',
        },
      ],
    },
  },
  {
    name: 'velero-plugin-for-aws',
    version: '1.14.3',
    group: 'velero',
    recipe: {
      how: 'go-module',
      folder: 'velero-plugin-for-aws-1.14.3',
      programs: [
        {
          output: 'velero-plugin-for-aws',
          package: 'github.com/vmware-tanzu/velero-plugin-for-aws/velero-plugin-for-aws',
        },
      ],
    },
  },
];

export const TOOLS: readonly ToolPin[] = [
  kopia('0.23.1', 'core', 'kopia', '72ec08fd8edb86c67ed27099bf1b955e1f308ffa'),
  {
    name: 'versitygw',
    version: '1.7.0',
    group: 'core',
    recipe: {
      how: 'go-module',
      folder: 'versitygw-1.7.0',
      programs: [{ output: 'versitygw', package: 'github.com/versity/versitygw/cmd/versitygw' }],
      ldflags: '-s -w -X main.Version=v1.7.0',
    },
  },
  {
    name: 'moto',
    version: '5.2.5',
    group: 'core',
    recipe: { how: 'pip', folder: 'moto-5.2.5', programs: ['moto_server'] },
  },
  {
    name: 'rclone',
    version: '1.75.2',
    group: 'core',
    recipe: { how: 'pip', folder: 'rclone-1.75.2', programs: ['rclone'] },
  },
  // The last release line that can still write LZ4-compressed contents.
  kopia('0.22.3', 'kopia-lz4', 'kopia-0.22.3', '154bf56899228e5c95fb3176b9c6901bbe4ca97b'),
  // Only for making fixtures. Their commits are not recorded in the module index.
  kopia('0.10.7', 'kopia-old', 'kopia-0.10.7', 'unknown'),
  kopia('0.8.4', 'kopia-old', 'kopia-0.8.4', 'unknown'),
  ...CLUSTER_TOOLS,
];

/** Every group that has at least one tool, in the order of the table. */
export function toolGroups(): ToolGroup[] {
  return [...new Set(TOOLS.map((tool) => tool.group))];
}
