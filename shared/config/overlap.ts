import { DrydockError } from '../model/errors.ts';
import { type Location, locationName } from './location.ts';

/** How two locations share keys: they are one place, or one lies within the other. */
export type Overlap = 'same' | 'nested';

export function overlap(left: Location, right: Location): Overlap | undefined {
  const inward = contains(left, right);
  const outward = contains(right, left);
  if (inward && outward) return 'same';
  return inward || outward ? 'nested' : undefined;
}

/** Whether every key of `inner` is a key of `outer`. Paths are compared as written, links aside. */
export function contains(outer: Location, inner: Location): boolean {
  return storeOf(outer) === storeOf(inner) && prefixOf(inner).startsWith(prefixOf(outer));
}

function prefixOf(location: Location): string {
  return location.kind === 'file' ? `${location.path}/` : location.prefix;
}

/** The same for all names of one bucket: the region does not matter, nor how a host is spelt. */
function storeOf(location: Location): string {
  if (location.kind === 'file') return 'file';
  if (location.kind === 's3') return `s3 ${s3Host(location.endpoint)} ${location.bucket}`;
  const standard = `https://${location.account}.blob.core.windows.net`;
  const account = `${hostOf(location.endpoint ?? standard)} ${location.account}`;
  return `azblob ${account} ${location.container}`;
}

function s3Host(endpoint: string | undefined): string {
  if (endpoint === undefined) return 'aws';
  const host = hostOf(endpoint);
  return /(?:^|\.)s3[.-](?:[a-z0-9.-]+\.)?amazonaws\.com$/.test(host) ? 'aws' : host;
}

function hostOf(endpoint: string): string {
  const { host, hostname, port } = new URL(endpoint);
  const loopback = hostname === 'localhost' || hostname === '[::1]';
  return loopback ? `127.0.0.1${port === '' ? '' : `:${port}`}` : host;
}

export interface Root {
  readonly location: Location;
  readonly layout: 'velero' | 'kopia';
}

/**
 * Throws `SAME_PLACE` or `NESTED_PLACES` unless source and target are apart: a copy into itself
 * would overwrite what it reads, or grow without end.
 */
export function checkApart(source: Location, target: Location): void {
  const found = overlap(source, target);
  if (found === undefined) return;
  const code = found === 'same' ? 'SAME_PLACE' : 'NESTED_PLACES';
  const what =
    found === 'same' ? 'they are the same place' : 'one of them lies within the other one';
  const message = `Cannot replicate "${locationName(source)}" to "${locationName(target)}": ${what}`;
  throw new DrydockError('usage', code, message, {
    hint: 'Choose a target in another bucket or container, or below a prefix of its own',
  });
}

/**
 * Throws `STATE_IN_ROOT` when the state would lie within a backup root. Velero turns a location
 * Unavailable over a foreign folder at its root, and a root without a prefix is the whole bucket.
 */
export function checkState(state: Location, root: Root): void {
  if (!contains(root.location, state)) return;
  const what = root.layout === 'velero' ? 'Velero root' : 'Kopia repository';
  const whole =
    root.location.kind !== 'file' && root.location.prefix === ''
      ? ', which without a prefix is the whole bucket or container'
      : '';
  const place = `the ${what} "${locationName(root.location)}"${whole}`;
  const message = `Cannot keep the state in "${locationName(state)}": it lies within ${place}`;
  throw new DrydockError('usage', 'STATE_IN_ROOT', message, {
    hint: 'Choose another bucket or container, or a prefix beside the root, for the state',
  });
}
