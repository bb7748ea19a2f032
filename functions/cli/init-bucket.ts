import {
  type Location,
  locationName,
  locationUrl,
  parseLocationUrl,
} from '../../shared/config/location.ts';
import { DrydockError } from '../../shared/model/errors.ts';
import { prefixedReader } from '../../shared/stores/prefixed.ts';
import { readOnly } from '../../shared/stores/read-only.ts';
import type { ObjectReader } from '../../shared/stores/store.ts';
import { openStore, type StoreContext } from '../stores.ts';
import type { Draft, DraftLocation } from './init-draft.ts';

/** Prefixes looked into when the root itself holds no backups. */
const PREFIXES_MAX = 50;
/** A root that holds more first-level folders is none that Velero would use. */
const FOLDERS_MAX = 1000;

/** A draft from what lies in a bucket: at the place named, or one prefix below it. */
export async function draftFromBucket(
  url: string,
  context: StoreContext,
  say: (line: string) => void,
): Promise<Draft> {
  const location = parseLocationUrl(url);
  const store = readOnly(await openStore({ location, access: {} }, context));
  const { signal } = context;
  const here = await layoutOf(store, signal);
  const name = locationName(location);
  say(`${name}: ${here.seen}`);
  const locations: DraftLocation[] = [];
  if (here.layout !== undefined) {
    locations.push(drafted(location, here.layout, here.seen));
  } else {
    for (const folder of here.folders.slice(0, PREFIXES_MAX)) {
      const below = await layoutOf(prefixedReader(store, folder), signal);
      if (below.layout === undefined) continue;
      const inner = within(location, folder);
      say(`${locationName(inner)}: ${below.seen}`);
      locations.push(drafted(inner, below.layout, below.seen));
    }
  }
  if (locations.length === 0) {
    const message = `Cannot find backups in "${name}": neither there nor one prefix below`;
    throw new DrydockError('operation', 'NO_BACKUPS', message, {
      hint: 'Name the prefix that holds backups/ and kopia/, or kopia.repository: --from <URL>',
    });
  }
  return { source: name, locations, notes: [] };
}

interface Seen {
  readonly layout?: 'velero' | 'kopia';
  readonly seen: string;
  readonly folders: readonly string[];
}

async function layoutOf(store: ObjectReader, signal?: AbortSignal): Promise<Seen> {
  const options = signal === undefined ? {} : { signal };
  const folders: string[] = [];
  for await (const folder of store.listDirectories('', options)) {
    folders.push(folder);
    if (folders.length === FOLDERS_MAX) break;
  }
  const known = folders.filter((name) => name === 'backups/' || name === 'kopia/');
  if (known.length > 0) {
    return { layout: 'velero', seen: `a Velero root with ${known.join(' and ')}`, folders };
  }
  if ((await store.stat('kopia.repository', options)) !== undefined) {
    return { layout: 'kopia', seen: 'a Kopia repository (kopia.repository)', folders };
  }
  const shown = folders.slice(0, 10).join(' ');
  const more = folders.length > 10 ? ` and ${folders.length - 10} more` : '';
  return { seen: folders.length === 0 ? 'no folders' : `no backups; ${shown}${more}`, folders };
}

function drafted(location: Location, layout: 'velero' | 'kopia', seen: string): DraftLocation {
  const path = location.kind === 'file' ? location.path : location.prefix;
  const last = path
    .split('/')
    .filter((part) => part !== '')
    .at(-1);
  const whole = location.kind === 'azblob' ? location.container : 'backups';
  const name = last ?? (location.kind === 's3' ? location.bucket : whole);
  return { name, location, layout, origin: `Seen there: ${seen}` };
}

function within(location: Location, folder: string): Location {
  const inner: Location =
    location.kind === 'file'
      ? { kind: 'file', path: `${location.path}/${folder.replace(/\/$/, '')}` }
      : { ...location, prefix: `${location.prefix}${folder}` };
  // What a bucket calls a folder need not be a legal prefix of a location.
  return parseLocationUrl(locationUrl(inner));
}
