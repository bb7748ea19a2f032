import type { ListOptions, ObjectName, ResourceType } from './api.ts';
import { KubernetesError } from './kubernetes-error.ts';

/** The paths of the API, and how a person would say what is asked of them. */

/** `/api/v1`, `/apis/velero.io/v1`. */
export function groupPath({ group, version }: ResourceType): string {
  const path = group === '' ? ['api', version] : ['apis', group, version];
  return `/${path.map(segment).join('/')}`;
}

export function collectionPath(type: ResourceType, namespace: string | undefined): string {
  const scope = namespace === undefined ? '' : `/namespaces/${segment(namespace)}`;
  return `${groupPath(type)}${scope}/${segment(type.plural)}`;
}

export function objectPath(type: ResourceType, { name, namespace }: ObjectName): string {
  return `${collectionPath(type, namespace)}/${segment(name)}`;
}

/** A name that cannot leave its place in the path, which is what Kubernetes demands of names. */
function segment(text: string): string {
  if (text === '' || text === '.' || text === '..' || /[/%]/.test(text)) {
    throw new KubernetesError('invalid', `Cannot ask for "${text}": no name in Kubernetes`);
  }
  return encodeURIComponent(text);
}

/** `backups.velero.io`, `configmaps`. */
export function typeName({ group, plural }: ResourceType): string {
  return group === '' ? plural : `${plural}.${group}`;
}

export function objectAction(verb: string, type: ResourceType, object: ObjectName): string {
  return `${verb} ${typeName(type)} "${object.name}"${place(object.namespace)}`;
}

export function collectionAction(verb: string, type: ResourceType, options: ListOptions): string {
  return `${verb} ${typeName(type)}${place(options.namespace) || ' in all namespaces'}`;
}

function place(namespace: string | undefined): string {
  return namespace === undefined ? '' : ` in namespace "${namespace}"`;
}

/** `?a=1&b=2`; what is left out is no part of it. */
export function query(parameters: Readonly<Record<string, string | undefined>>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== '') given.set(name, value);
  }
  return given.size === 0 ? '' : `?${given}`;
}
