import { parseSnapshotResourceId } from './azure-resource-id.ts';
import type { SnapshotFacts, SnapshotState } from './snapshot-witness.ts';

const GIBIBYTE = 1024 ** 3;

const STATES = new Map(
  Object.entries<SnapshotState>({
    Succeeded: 'completed',
    Creating: 'pending',
    Updating: 'pending',
    Running: 'pending',
    Failed: 'failed',
    Canceled: 'failed',
    Deleting: 'deleting',
  }),
);

/**
 * The model `Snapshot` of the Azure Compute REST reference, as far as it matters here.
 * @returns `undefined` when `resource` is none: it was not ARM that said it.
 */
export function managedDiskFacts(resource: unknown): SnapshotFacts | undefined {
  const top = record(resource);
  const id = text(top['id']) ?? '';
  const subscription = parseSnapshotResourceId(id)?.subscription;
  const properties = record(top['properties']);
  const vendorState = text(properties['provisioningState']);
  if (subscription === undefined || vendorState === undefined) return undefined;

  const encryptionType = text(record(properties['encryption'])['type']);
  const keyId = text(record(properties['encryption'])['diskEncryptionSetId']);
  const percent = number(properties['completionPercent']);
  const sizeBytes = size(properties);
  const startedAt = time(properties['timeCreated']);
  const volumeId = text(record(properties['creationData'])['sourceResourceId']);
  const tier = text(record(top['sku'])['name']);
  const failure = record(properties['copyCompletionError']);
  const stateReason = text(failure['errorMessage']) ?? text(failure['errorCode']);
  const networkAccess = text(properties['networkAccessPolicy']);
  const { incremental } = properties;
  return {
    id,
    state: stateOf(vendorState, percent, stateReason),
    vendorState,
    ...(stateReason !== undefined && { stateReason }),
    ...(percent !== undefined && { progressPercent: percent }),
    ...(sizeBytes !== undefined && { sizeBytes }),
    encrypted: encryptionType !== undefined || isEncryptedInside(properties),
    ...(encryptionType !== undefined && { encryptionType }),
    ...(keyId !== undefined && { keyId }),
    ...(startedAt !== undefined && { startedAt }),
    account: subscription,
    region: text(top['location']) ?? '',
    ...(volumeId !== undefined && { volumeId }),
    tags: tagsOf(top['tags']),
    ...(tier !== undefined && { tier }),
    archived: false,
    ...(typeof incremental === 'boolean' && { incremental }),
    ...(networkAccess !== undefined && { networkAccess }),
  };
}

/** A copy made by `CopyStart` is `Succeeded` at once; its data comes later, or never. */
function stateOf(
  vendorState: string,
  percent: number | undefined,
  failure: string | undefined,
): SnapshotState {
  if (failure !== undefined) return 'failed';
  const state = STATES.get(vendorState) ?? 'other';
  return state === 'completed' && percent !== undefined && percent < 100 ? 'pending' : state;
}

/** Azure Disk Encryption: encrypted by the virtual machine, not by the storage service. */
function isEncryptedInside(properties: Readonly<Record<string, unknown>>): boolean {
  return record(properties['encryptionSettingsCollection'])['enabled'] === true;
}

function size(properties: Readonly<Record<string, unknown>>): number | undefined {
  const gibibytes = number(properties['diskSizeGB']);
  return number(properties['diskSizeBytes']) ?? (gibibytes && gibibytes * GIBIBYTE);
}

function tagsOf(tags: unknown): ReadonlyMap<string, string> {
  return new Map(Object.entries(record(tags)).map(([key, value]) => [key, text(value) ?? '']));
}

function time(value: unknown): Date | undefined {
  const ms = Date.parse(text(value) ?? '');
  return Number.isNaN(ms) ? undefined : new Date(ms);
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
