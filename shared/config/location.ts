import { posix } from 'node:path';
import { DrydockError } from '../model/errors.ts';
import { nearest } from './nearest.ts';

/** A prefix is empty or ends in `/`, and never begins with one, as Velero trims it. */
export interface S3Location {
  readonly kind: 's3';
  readonly bucket: string;
  readonly prefix: string;
  readonly region?: string;
  /** Of a store that is not AWS; requests are then path style. */
  readonly endpoint?: string;
  /** `none` for stores that refuse the checksum headers and trailers of current SDKs. */
  readonly checksums?: 'none';
}

export interface BlobLocation {
  readonly kind: 'azblob';
  readonly account: string;
  readonly container: string;
  readonly prefix: string;
  /** With the account in its path where the emulator wants it there. */
  readonly endpoint?: string;
}

export interface FileLocation {
  readonly kind: 'file';
  /** Absolute, without a trailing `/`. */
  readonly path: string;
}

export type Location = S3Location | BlobLocation | FileLocation;

export const LOCATION_FORMS = [
  's3://bucket/prefix?region=…&endpoint=…',
  'azblob://account/container/prefix',
  'file:///path',
] as const;

/** Query parameters of each scheme. None of them can hold a secret. */
const PARAMETERS = {
  s3: ['region', 'endpoint', 'checksums'],
  azblob: ['endpoint'],
  file: [],
} as const satisfies Record<Location['kind'], readonly string[]>;

/**
 * Takes a location's URL apart. The path is percent-decoded.
 * @throws DrydockError `LOCATION_INVALID`, whose message leaves out credentials and parameters.
 */
export function parseLocationUrl(text: string): Location {
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?(#.*)?$/is.exec(text);
  if (match === null) throw notAUrl(text);
  const [, scheme = '', authority = '', path = '', query = '', fragment] = match;
  const kind = scheme.toLowerCase();
  const shown = `${kind}://${authority.replace(/^.*@/s, '')}${path}`;
  if (authority.includes('@')) {
    throw invalid(shown, 'it holds credentials', 'Take them out; name them by references instead');
  }
  if (!isKind(kind)) throw unknownScheme(kind, authority, path);
  if (fragment !== undefined) {
    throw invalid(shown, 'it has a fragment ("#")', 'Write "#" in a prefix as %23');
  }
  const parameters = parseParameters(kind, query, shown);
  const decoded = decodePath(path, shown);
  if (kind === 's3') return s3Location(authority, decoded, parameters, shown);
  if (kind === 'azblob') return blobLocation(authority, decoded, parameters, shown);
  return fileLocation(authority, decoded, shown);
}

type Parameters = ReadonlyMap<string, string>;

function s3Location(bucket: string, path: string, given: Parameters, shown: string): S3Location {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/.test(bucket)) {
    throw invalid(
      shown,
      bucket === '' ? 'the bucket is missing' : `"${bucket}" is no name of a bucket`,
      `Write ${LOCATION_FORMS[0]}`,
    );
  }
  const checksums = given.get('checksums');
  if (checksums !== undefined && checksums !== 'none') {
    throw invalid(
      shown,
      '"checksums" must be "none"',
      'Leave it out unless the store refuses checksums',
    );
  }
  const region = given.get('region');
  if (region !== undefined && !/^[A-Za-z0-9-]{1,40}$/.test(region)) {
    throw invalid(shown, '"region" is no name of a region', 'Write it like eu-central-1');
  }
  const endpoint = parseEndpoint(given, shown);
  return {
    kind: 's3',
    bucket,
    prefix: prefixOf(path, shown),
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(checksums !== undefined && { checksums }),
  };
}

function blobLocation(
  account: string,
  path: string,
  given: Parameters,
  shown: string,
): BlobLocation {
  if (!/^[a-z0-9]{3,24}$/.test(account)) {
    const short = account.split('.')[0] ?? '';
    throw invalid(
      shown,
      account === '' ? 'the account is missing' : `"${account}" is no name of a storage account`,
      account.includes('.')
        ? `Name the account alone: azblob://${short}${path}`
        : `Write ${LOCATION_FORMS[1]}`,
    );
  }
  const [container = '', ...rest] = path.replace(/^\/+/, '').split('/');
  if (!/^(?:\$root|\$web|(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*)$/.test(container)) {
    throw invalid(
      shown,
      container === '' ? 'the container is missing' : `"${container}" is no name of a container`,
      `Write ${LOCATION_FORMS[1]}`,
    );
  }
  const endpoint = parseEndpoint(given, shown);
  return {
    kind: 'azblob',
    account,
    container,
    prefix: prefixOf(rest.join('/'), shown),
    ...(endpoint !== undefined && { endpoint }),
  };
}

function fileLocation(host: string, path: string, shown: string): FileLocation {
  if (host !== '' && host.toLowerCase() !== 'localhost') {
    const hint = `For a local folder write three slashes: file:///${host}${path}`;
    throw invalid(shown, `it names the host "${host}"`, hint);
  }
  const normal = posix.normalize(path).replace(/(.)\/+$/, '$1');
  if (!path.startsWith('/') || normal === '/') {
    throw invalid(shown, 'it names no folder', `Write ${LOCATION_FORMS[2]}`);
  }
  return { kind: 'file', path: normal };
}

function parseParameters(kind: Location['kind'], query: string, shown: string): Parameters {
  const known: readonly string[] = PARAMETERS[kind];
  const found = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (!known.includes(name)) {
      // A name alone may be shown: a value might be a signature that was pasted along.
      const near = nearest(name, known);
      const all = known.length === 0 ? 'It takes none' : `It takes ${known.join(', ')}`;
      const hint = near === undefined ? all : `Did you mean "${near}"? ${all}`;
      throw invalid(shown, `it has the unknown parameter "${name.slice(0, 40)}"`, hint);
    }
    if (found.has(name)) throw invalid(shown, `"${name}" is given twice`, 'Give it once');
    if (value === '') throw invalid(shown, `"${name}" is empty`, 'Give it a value or leave it out');
    found.set(name, value);
  }
  return found;
}

function parseEndpoint(given: Parameters, shown: string): string | undefined {
  const text = given.get('endpoint');
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const web = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (url === undefined || !web || url.hostname === '') {
    const reason = '"endpoint" is no http or https URL';
    throw invalid(shown, reason, 'Write it like endpoint=https://minio.example:9000');
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    const reason = '"endpoint" holds more than scheme, host, port and path';
    throw invalid(shown, reason, 'Take credentials and parameters out of it');
  }
  return `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`;
}

function decodePath(path: string, shown: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    throw invalid(shown, 'its path has a broken percent escape', 'Write "%" itself as %25');
  }
  return decoded;
}

function prefixOf(path: string, shown: string): string {
  const trimmed = path.replace(/^\/+|\/+$/g, '');
  if (trimmed.split('/').some((part) => part === '.' || part === '..')) {
    throw invalid(shown, 'its prefix has a "." or ".." segment', 'Write the prefix without them');
  }
  if (Buffer.byteLength(trimmed) > 512 || hasControl(trimmed)) {
    throw invalid(
      shown,
      'its prefix is longer than 512 bytes or holds control characters',
      'Choose a plain prefix',
    );
  }
  return trimmed === '' ? '' : `${trimmed}/`;
}

function hasControl(text: string): boolean {
  return [...text].some((char) => char < ' ' || char === '\u007f');
}

function isKind(scheme: string): scheme is Location['kind'] {
  return Object.hasOwn(PARAMETERS, scheme);
}

function invalid(shown: string, reason: string, hint: string): DrydockError {
  return new DrydockError(
    'usage',
    'LOCATION_INVALID',
    `Cannot use the location "${shown}": ${reason}`,
    { hint },
  );
}

function notAUrl(text: string): DrydockError {
  const path = text.startsWith('/');
  const shown = /^[\w./~-]{0,200}$/.test(text) ? ` "${text}"` : '';
  const hint = path ? `Write file://${text}` : `Write ${LOCATION_FORMS.join(', or ')}`;
  const message = `Cannot use the location${shown}: it is no URL`;
  return new DrydockError('usage', 'LOCATION_INVALID', message, { hint });
}

/** Portals and other tools show these forms, so that they are what people paste. */
function unknownScheme(scheme: string, authority: string, path: string): DrydockError {
  const account = /^([a-z0-9]{3,24})\.(?:blob|dfs)\.core\.windows\.net$/i.exec(authority)?.[1];
  const near = nearest(scheme, Object.keys(PARAMETERS));
  let hint = `Use ${LOCATION_FORMS.join(', or ')}`;
  if (account !== undefined) hint = `Write azblob://${account}${path}`;
  else if (near !== undefined) hint = `Did you mean "${near}://"? ${hint}`;
  const message = `Cannot use a location of the scheme "${scheme.slice(0, 20)}://"`;
  return new DrydockError('usage', 'LOCATION_INVALID', message, { hint });
}

/** The URL that `parseLocationUrl` takes back. A location holds no secret, and neither does this. */
export function locationUrl(location: Location): string {
  if (location.kind === 'file') return `file://${encodePath(location.path)}`;
  const parameters = new URLSearchParams();
  if (location.kind === 's3') {
    if (location.region !== undefined) parameters.set('region', location.region);
    if (location.checksums !== undefined) parameters.set('checksums', location.checksums);
  }
  // The endpoint stays readable: no character that it may hold needs an escape in a query.
  const endpoint = location.endpoint === undefined ? [] : [`endpoint=${location.endpoint}`];
  const query = [...(parameters.size > 0 ? [parameters.toString()] : []), ...endpoint].join('&');
  return `${locationName(location)}${query === '' ? '' : `?${query}`}`;
}

/** The URL without parameters: what messages and reports call the place. */
export function locationName(location: Location): string {
  if (location.kind === 'file') return `file://${encodePath(location.path)}`;
  const root =
    location.kind === 's3'
      ? `s3://${location.bucket}`
      : `azblob://${location.account}/${location.container}`;
  const prefix = encodePath(location.prefix.replace(/\/$/, ''));
  return prefix === '' ? root : `${root}/${prefix}`;
}

/**
 * What tells two places apart: the name, and the endpoint where it is not the vendor's own. How a
 * place is reached (region, checksums) does not make it another one.
 */
export function locationIdentity(location: Location): string {
  const endpoint = location.kind === 'file' ? undefined : location.endpoint;
  const name = locationName(location);
  return endpoint === undefined ? name : `${name}?endpoint=${endpoint}`;
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
