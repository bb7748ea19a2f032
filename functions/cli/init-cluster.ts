import { resolve } from 'node:path';
import { z } from 'zod';
import { type Location, locationUrl, parseLocationUrl } from '../../shared/config/location.ts';
import { DrydockError } from '../../shared/model/errors.ts';
import type { Draft, DraftCluster, DraftLocation } from './init-draft.ts';
import { customResources, type KubernetesOptions } from './kubernetes.ts';

/** As much of Velero's resources as a draft needs; what does not fit is noted, never a crash. */
const text = z.string().optional().catch(undefined);
const locationResource = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    provider: z.string(),
    objectStorage: z.object({ bucket: z.string(), prefix: text }).optional(),
    config: z.record(z.string(), z.string()).optional().catch(undefined),
    credential: z.object({ name: z.string() }).optional().catch(undefined),
    accessMode: text,
    default: z.boolean().optional().catch(undefined),
  }),
});
type LocationResource = z.output<typeof locationResource>;

const scheduleResource = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    schedule: z.string(),
    paused: z.boolean().optional().catch(undefined),
    template: z
      .object({
        ttl: text,
        storageLocation: text,
        includedNamespaces: z.array(z.string()).optional().catch(undefined),
      })
      .optional()
      .catch(undefined),
  }),
});

/** A draft from the BackupStorageLocations and Schedules of a cluster. */
export async function draftFromCluster(options: KubernetesOptions): Promise<Draft> {
  const found = await customResources(options, ['backupstoragelocations', 'schedules'] as const);
  const locations: DraftLocation[] = [];
  const notes: string[] = [];
  for (const raw of found.items.backupstoragelocations) {
    const resource = locationResource.safeParse(raw).data;
    const answer = resource === undefined ? 'a BackupStorageLocation is malformed' : take(resource);
    if (typeof answer === 'string') notes.push(`Left out: ${answer}`);
    else locations.push(answer);
  }
  if (locations.length === 0) {
    const message = `Cannot draft from ${found.source}: it has no usable BackupStorageLocation`;
    throw new DrydockError('operation', 'NO_LOCATIONS', message, {
      hint: notes[0] ?? 'Check --context and --namespace, or name a bucket with --from <URL>',
    });
  }
  const schedules = found.items.schedules.flatMap(scheduleNote);
  if (schedules.length > 0) {
    notes.push('Schedules seen, which "drydock verify" asks the cluster for:', ...schedules);
  }
  const cluster = draftedCluster(found.context, options);
  return { source: found.source, cluster, locations, notes };
}

function draftedCluster(
  context: string | undefined,
  { kubeconfig, namespace }: KubernetesOptions,
): DraftCluster {
  if (context === undefined) return { name: 'cluster', namespace };
  // Contexts of EKS are ARNs, which end in the name of the cluster.
  const name = context.split('/').at(-1) ?? context;
  const path = kubeconfig === undefined ? undefined : resolve(kubeconfig);
  return { name, namespace, kubeconfig: { context, ...(path !== undefined && { path }) } };
}

/** The location that Velero writes to, or why it cannot be one of Drydock's. */
function take(resource: LocationResource): DraftLocation | string {
  const { name } = resource.metadata;
  const { accessMode, credential, default: isDefault, provider } = resource.spec;
  const location = locationOf(resource);
  if (typeof location === 'string') return `"${name}": ${location}`;
  try {
    parseLocationUrl(locationUrl(location));
  } catch (error) {
    return `"${name}": ${error instanceof Error ? error.message : 'not usable'}`;
  }
  const facts = [
    `provider ${provider}`,
    ...(isDefault ? ['default'] : []),
    ...(accessMode === undefined ? [] : [accessMode]),
    ...(credential === undefined ? [] : [`Velero's credentials are in Secret ${credential.name}`]),
  ];
  const origin = `BackupStorageLocation "${name}": ${facts.join(', ')}`;
  return { name, location, layout: 'velero', origin };
}

function locationOf({ spec }: LocationResource): Location | string {
  const { provider, objectStorage, config = {} } = spec;
  if (objectStorage === undefined) return 'it names no bucket';
  const { bucket } = objectStorage;
  const trimmed = (objectStorage.prefix ?? '').replace(/^\/+|\/+$/g, '');
  const prefix = trimmed === '' ? '' : `${trimmed}/`;
  const kind = provider.replace(/^velero\.io\//, '');
  if (kind === 'aws') {
    const endpoint = ownEndpoint(config['s3Url'], /^s3[.-].*amazonaws\.com$/);
    return {
      kind: 's3',
      bucket,
      prefix,
      ...(config['region'] !== undefined && { region: config['region'] }),
      ...(endpoint !== undefined && { endpoint }),
      // Velero's own switch for stores that refuse checksums (plugin for AWS, "checksumAlgorithm").
      ...(config['checksumAlgorithm'] === '' && { checksums: 'none' as const }),
    };
  }
  if (kind === 'azure') {
    const account = config['storageAccount'];
    if (account === undefined) return 'its config names no storageAccount';
    const standard = /^[a-z0-9]+\.blob\.core\.windows\.net$/;
    const endpoint = ownEndpoint(config['storageAccountURI'], standard);
    const place = { kind: 'azblob', account, container: bucket, prefix } as const;
    return endpoint === undefined ? place : { ...place, endpoint };
  }
  return `Drydock does not read the provider "${provider}"`;
}

/** An endpoint that has to be told, since the cloud's own one is known. */
function ownEndpoint(url: string | undefined, standard: RegExp): string | undefined {
  if (url === undefined || url === '' || !URL.canParse(url)) return undefined;
  return standard.test(new URL(url).hostname) ? undefined : url.replace(/\/+$/, '');
}

function scheduleNote(raw: unknown): readonly string[] {
  const resource = scheduleResource.safeParse(raw).data;
  if (resource === undefined) return [];
  const { schedule, paused, template = {} } = resource.spec;
  const namespaces = template.includedNamespaces ?? ['*'];
  const facts = [
    `"${schedule}"`,
    ...(paused ? ['paused'] : []),
    ...(template.ttl === undefined ? [] : [`kept ${template.ttl}`]),
    ...(template.storageLocation === undefined ? [] : [`to ${template.storageLocation}`]),
    `namespaces ${namespaces.join(', ')}`,
  ];
  return [`  ${resource.metadata.name}: ${facts.join('; ')}`];
}
