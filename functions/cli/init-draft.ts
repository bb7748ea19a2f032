import { stringify } from 'yaml';
import { type Location, locationUrl } from '../../shared/config/location.ts';
import { printable } from './terminal.ts';

export interface DraftLocation {
  /** What the cluster or bucket calls it; made into a legal name. */
  readonly name: string;
  readonly location: Location;
  readonly layout: 'velero' | 'kopia';
  /** Where it was seen, for the comment above it. */
  readonly origin: string;
}

/** The cluster whose locations were found. */
export interface DraftCluster {
  /** What the kubeconfig calls it; made into a legal name. */
  readonly name: string;
  /** Absent: the cluster that this process runs in. */
  readonly kubeconfig?: { readonly context: string; readonly path?: string };
  /** Of Velero. */
  readonly namespace: string;
}

export interface Draft {
  /** What was looked at, e.g. `context "prod", namespace "velero"`. */
  readonly source: string;
  readonly cluster?: DraftCluster;
  readonly locations: readonly DraftLocation[];
  /** What Drydock has no section for yet, or could not take over. */
  readonly notes: readonly string[];
}

/** The text of a `drydock.yaml` that is valid as it is; everything uncertain is a comment. */
export function draftYaml(draft: Draft): string {
  const names = uniqueNames(draft.locations.map(({ name }) => name));
  const { cluster } = draft;
  const [clusterName] = cluster === undefined ? [] : uniqueNames([cluster.name]);
  const lines = [
    comment(`Drafted by "drydock init" from ${draft.source}. Look it over, then run`),
    comment('  drydock config validate'),
    comment('  drydock verify --dry-run'),
    comment('  drydock replicate --dry-run'),
    'version: 1',
    '',
    comment('Where Drydock keeps leases and checkpoints: a place that all replicators share, and'),
    comment('never inside a backup root (a location without a prefix is its whole bucket).'),
    comment('state: s3://your-bucket/drydock'),
    '',
    ...(cluster === undefined || clusterName === undefined
      ? []
      : clusterLines(cluster, clusterName)),
    'locations:',
    ...draft.locations.flatMap((each, index) =>
      locationLines(each, names[index] ?? each.name, clusterName),
    ),
    '',
    ...routeLines(names),
    ...(draft.notes.length === 0 ? [] : ['', ...draft.notes.map(comment)]),
  ];
  return `${lines.join('\n')}\n`;
}

function clusterLines(cluster: DraftCluster, name: string): readonly string[] {
  const { kubeconfig, namespace } = cluster;
  const file = kubeconfig?.path === undefined ? [] : [`path: ${quoted(kubeconfig.path)}`];
  const access =
    kubeconfig === undefined
      ? ['inCluster: true']
      : ['kubeconfig:', ...file.map(indented), indented(`context: ${quoted(kubeconfig.context)}`)];
  const instead =
    'A function has no kubeconfig: eks: { name, region }, or aks: { server }, instead';
  const velero = namespace === 'velero' ? [] : [`velero: { namespace: ${quoted(namespace)} }`];
  return [
    'clusters:',
    `  ${scalar(name)}:`,
    ...(kubeconfig === undefined ? [] : [`    ${comment(instead)}`]),
    ...[...access, ...velero].map((line) => `    ${line}`),
    '',
  ];
}

const indented = (line: string): string => `  ${line}`;

/** Any text as one line of YAML: JSON's strings are YAML's. */
const quoted = (text: string): string => JSON.stringify(text);

function locationLines(
  draft: DraftLocation,
  name: string,
  cluster: string | undefined,
): readonly string[] {
  const { location, layout, origin } = draft;
  const variable = name.toUpperCase().replaceAll('-', '_');
  const keys =
    location.kind === 's3'
      ? [`accessKeyId: env:${variable}_ACCESS_KEY_ID`, `secretAccessKey: env:${variable}_SECRET`]
      : [`accountKey: env:${variable}_ACCOUNT_KEY`];
  const hasEndpoint = location.kind !== 'file' && location.endpoint !== undefined;
  return [
    `  ${comment(origin)}`,
    `  ${scalar(name)}:`,
    `    url: ${scalar(locationUrl(location))}`,
    ...(layout === 'velero' ? [] : [`    layout: ${layout}`]),
    ...(layout === 'velero' && cluster !== undefined ? [`    cluster: ${scalar(cluster)}`] : []),
    ...(hasEndpoint ? keys.map((key) => `    ${comment(key)}`) : []),
  ];
}

function routeLines(names: readonly string[]): readonly string[] {
  const [source = 'source', target = 'replica'] = names;
  return [
    comment('What is copied where; the target is a location of its own, above.'),
    comment('replicate:'),
    comment('  routes:'),
    comment(`    - { name: offsite, source: ${source}, target: ${target} }`),
  ];
}

function scalar(text: string): string {
  return stringify(text, { lineWidth: 0, defaultStringType: 'PLAIN' }).trimEnd();
}

/** One line, whatever a cluster or bucket put into it. */
function comment(text: string): string {
  return `# ${printable(text).slice(0, 300)}`;
}

function uniqueNames(wanted: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return wanted.map((text) => {
    const plain = text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .slice(0, 50)
      .replace(/^-+|-+$/g, '');
    const base = plain === '' ? 'location' : plain;
    let name = base;
    for (let number = 2; taken.has(name); number += 1) name = `${base}-${number}`;
    taken.add(name);
    return name;
  });
}
