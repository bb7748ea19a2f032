import type { BlobLocation, Location, S3Location } from '../../config/location.ts';
import type { StorageLocation } from './velero-cluster.ts';

/**
 * The BackupStorageLocation that is this location. An endpoint may have other names within the
 * cluster than outside: one that is equal is preferred, and without one a single candidate counts.
 * A bucket of AWS itself is never one behind an endpoint, whatever its name.
 */
export function matchStorageLocation(
  storageLocations: readonly StorageLocation[],
  location: Location,
): StorageLocation | undefined {
  // A folder names no bucket. That this cluster writes there is what the configuration says.
  if (location.kind === 'file') return single(storageLocations);
  const prefix = location.prefix.replace(/\/$/, '');
  const fits = storageLocations
    .filter((each) => each.prefix === prefix)
    .map((each) => ({ each, fit: fitOf(each, location) }))
    .filter(({ fit }) => fit !== 'none');
  const exact = fits.filter(({ fit }) => fit === 'exact').map(({ each }) => each);
  if (exact.length > 0) return exact.find(({ isReadOnly }) => !isReadOnly) ?? exact[0];
  return single(fits.map(({ each }) => each));
}

type Fit = 'exact' | 'possible' | 'none';

function single<T>(all: readonly T[]): T | undefined {
  return all.length === 1 ? all[0] : undefined;
}

function fitOf(candidate: StorageLocation, location: S3Location | BlobLocation): Fit {
  const provider = candidate.provider.replace(/^velero\.io\//, '');
  if (location.kind === 's3') {
    if (provider !== 'aws' || candidate.bucket !== location.bucket) return 'none';
    return endpointFit(candidate.config.get('s3Url'), location.endpoint);
  }
  if (provider !== 'azure' || candidate.bucket !== location.container) return 'none';
  const account = candidate.config.get('storageAccount') ?? accountOf(candidate);
  // Without one the plug-in takes it from its credentials.
  if (account === undefined) return 'possible';
  return account === location.account ? 'exact' : 'none';
}

function endpointFit(inCluster: string | undefined, outside: string | undefined): Fit {
  const [own, given] = [hostOf(inCluster), hostOf(outside)];
  if (own === given) return 'exact';
  return own === undefined || given === undefined ? 'none' : 'possible';
}

/** Host and port; `undefined` where it is AWS itself. */
function hostOf(url: string | undefined): string | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined;
  const { host } = new URL(url);
  return /(^|\.)s3[.-][\w.-]*amazonaws\.com(\.cn)?$/.test(host) ? undefined : host;
}

function accountOf({ config }: StorageLocation): string | undefined {
  const uri = config.get('storageAccountURI');
  return uri !== undefined && URL.canParse(uri) ? new URL(uri).hostname.split('.')[0] : undefined;
}
