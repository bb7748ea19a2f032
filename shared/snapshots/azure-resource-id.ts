/** An ARM id of a disk snapshot, in parts. */
export interface SnapshotResourceId {
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly name: string;
}

const RESOURCE_ID =
  /^\/subscriptions\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/resourceGroups\/([\p{L}\p{N}_().-]{0,89}[\p{L}\p{N}_()-])\/providers\/Microsoft\.Compute\/snapshots\/([\w.-]{0,79}\w)$/iu;

/**
 * `/subscriptions/<s>/resourceGroups/<g>/providers/Microsoft.Compute/snapshots/<n>`, in any letter
 * case, as ARM takes it; `undefined` for anything else. No part can hold a slash or be `..`.
 */
export function parseSnapshotResourceId(text: string): SnapshotResourceId | undefined {
  const [, subscription, resourceGroup, name] = RESOURCE_ID.exec(text) ?? [];
  if (subscription === undefined || resourceGroup === undefined || name === undefined) {
    return undefined;
  }
  return { subscription, resourceGroup, name };
}

/** The path to ask; without a name that of all snapshots of the group, without one that of all. */
export function snapshotsPath(subscription: string, resourceGroup?: string, name?: string): string {
  const group = resourceGroup && `/resourceGroups/${encodeURIComponent(resourceGroup)}`;
  const one = name && `/${encodeURIComponent(name)}`;
  return `/subscriptions/${subscription}${group ?? ''}/providers/Microsoft.Compute/snapshots${one ?? ''}`;
}

/** For comparing: ARM keeps the letter case of whoever created a thing, and ignores it. */
export function sameForArm(text: string): string {
  return text.toLowerCase();
}
