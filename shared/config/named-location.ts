import { accessProblems, placeOf, reference } from './access.ts';
import type { NamedLocation, SnapshotPlace } from './config.ts';
import { type Location, parseLocationUrl } from './location.ts';
import type { EntryProblem } from './problem.ts';
import type { LocationEntry } from './schema.ts';

export function namedLocation(name: string, entry: LocationEntry): NamedLocation {
  const { cluster, interval: intervalMs, layout, storageAccountId } = entry;
  const password = reference(entry.repositoryPassword);
  const snapshots = snapshotPlace(entry.snapshots);
  return {
    ...placeOf(entry),
    name,
    layout,
    ...(password !== undefined && { repositoryPassword: password }),
    ...(cluster !== undefined && { cluster }),
    ...(snapshots !== undefined && { snapshots }),
    ...(intervalMs !== undefined && { intervalMs }),
    ...(storageAccountId !== undefined && { storageAccountId }),
  };
}

function snapshotPlace({ aws, azure }: LocationEntry['snapshots'] = {}): SnapshotPlace | undefined {
  if (aws !== undefined) {
    const { account, region, roleArn, endpoint } = aws;
    return {
      kind: 'aws',
      account,
      region,
      ...(roleArn !== undefined && { roleArn }),
      ...(endpoint !== undefined && { endpoint: endpoint.replace(/\/$/, '') }),
    };
  }
  if (azure === undefined) return undefined;
  const { subscription, region } = azure;
  return { kind: 'azure', subscription, ...(region !== undefined && { region }) };
}

/** What does not fit together within one location. */
export function locationProblems(entry: LocationEntry): readonly EntryProblem[] {
  const location = parseLocationUrl(entry.url);
  return [
    ...accessProblems(entry),
    ...layoutProblems(entry),
    ...snapshotProblems(entry, location),
    ...storageAccountProblems(entry, location),
  ];
}

const LAYOUT_OF_KEY = { cluster: 'velero', snapshots: 'velero', interval: 'kopia' } as const;

function layoutProblems(entry: LocationEntry): readonly EntryProblem[] {
  return (Object.keys(LAYOUT_OF_KEY) as (keyof typeof LAYOUT_OF_KEY)[])
    .filter((key) => entry[key] !== undefined && LAYOUT_OF_KEY[key] !== entry.layout)
    .map((key) => {
      const message = `"${key}" is for the layout ${LAYOUT_OF_KEY[key]}, and this is ${entry.layout}`;
      return { path: [key], message, hint: `Remove "${key}", or change "layout"` };
    });
}

/** The cloud that a location is in; other stores may stand beside the snapshots of either. */
function cloudOf(location: Location): 'aws' | 'azure' | undefined {
  if (location.kind === 'azblob') return 'azure';
  return location.kind === 's3' && location.endpoint === undefined ? 'aws' : undefined;
}

function snapshotProblems(
  { snapshots }: LocationEntry,
  location: Location,
): readonly EntryProblem[] {
  if (snapshots === undefined) return [];
  const [given, another] = (['aws', 'azure'] as const).filter((key) => snapshots[key]);
  if (given === undefined || another !== undefined) {
    const message = 'it must have one of "aws" and "azure"';
    return [{ path: ['snapshots'], message, hint: 'Name the cloud that holds the snapshots' }];
  }
  const cloud = cloudOf(location);
  if (cloud === undefined || cloud === given) return [];
  const message = `snapshots of another cloud are none to a restore from ${location.kind}://`;
  const hint = `Remove "${given}": what only such snapshots hold counts as missing at this location`;
  return [{ path: ['snapshots', given], message, hint }];
}

function storageAccountProblems(
  { storageAccountId }: LocationEntry,
  location: Location,
): readonly EntryProblem[] {
  if (storageAccountId === undefined) return [];
  const path = ['storageAccountId'];
  if (location.kind !== 'azblob') {
    const message = `"storageAccountId" is for azblob:// locations, and this is ${location.kind}://`;
    return [{ path, message, hint: 'Remove "storageAccountId"' }];
  }
  if (storageAccountId.endsWith(`/${location.account}`)) return [];
  const message = `is the id of another account than "${location.account}", which "url" names`;
  return [{ path, message, hint: 'Write the resource id of the account that the URL names' }];
}
