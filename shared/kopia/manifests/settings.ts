import { isObject } from '../format/json-members.ts';
import type { Manifest, Manifests } from './manifests.ts';

/** How snapshots of one target are made and kept; what it says applies unless a nearer one differs. */
export interface Policy {
  readonly id: string;
  /** Whose: `global`, `host`, `user` or `path`. */
  readonly scope: string;
  /** As far as the scope needs them. */
  readonly target: { readonly host?: string; readonly userName?: string; readonly path?: string };
  readonly modified: Date;
  /** Kopia's JSON, not checked. */
  readonly data: unknown;
}

/** How often the repository is maintained, and by whom. */
export interface MaintenanceParameters {
  /** `user@host`; only that client runs maintenance. */
  readonly owner: string;
  readonly quick: MaintenanceCycle;
  readonly full: MaintenanceCycle;
  readonly modified: Date;
}

export interface MaintenanceCycle {
  readonly enabled: boolean;
  readonly intervalMs: number;
}

/** One policy per target, the latest. Source: Kopia v0.23.1, snapshot/policy. */
export function policiesOf(manifests: Manifests): readonly Policy[] {
  const latest = new Map<string, Manifest>();
  for (const manifest of manifests.all.values()) {
    const { type, policyType, hostname, username, path } = manifest.labels;
    if (type !== 'policy') continue;
    const target = JSON.stringify([policyType, hostname, username, path]);
    latest.set(target, later(latest.get(target), manifest));
  }
  return [...latest.values()].map(({ id, labels, modified, data }) => {
    const { policyType = '', hostname, username, path } = labels;
    const target = {
      ...(hostname !== undefined && { host: hostname }),
      ...(username !== undefined && { userName: username }),
      ...(path !== undefined && { path }),
    };
    return { id, scope: policyType, target, modified, data };
  });
}

/**
 * `undefined` when none were ever set, or when the latest cannot be understood: then Kopia refuses
 * to maintain the repository. Source: Kopia v0.23.1, repo/maintenance/maintenance_params.go.
 */
export function maintenanceParametersOf(manifests: Manifests): MaintenanceParameters | undefined {
  let latest: Manifest | undefined;
  for (const manifest of manifests.all.values()) {
    if (manifest.labels['type'] === 'maintenance') latest = later(latest, manifest);
  }
  const data = latest?.data;
  if (latest === undefined || !isObject(data)) return undefined;
  const { owner = '', quick, full } = data;
  const [quickCycle, fullCycle] = [cycleOf(quick), cycleOf(full)];
  if (typeof owner !== 'string' || quickCycle === undefined || fullCycle === undefined) {
    return undefined;
  }
  return { owner, quick: quickCycle, full: fullCycle, modified: latest.modified };
}

/**
 * Of equals the greater id. (Kopia's own choice by labels hangs on the order in which it meets
 * them; it matters where a second policy for a target was written by a client that did not see the first.)
 */
function later(one: Manifest | undefined, other: Manifest): Manifest {
  if (one === undefined) return other;
  if (one.modifiedNs !== other.modifiedNs) return one.modifiedNs > other.modifiedNs ? one : other;
  return one.id > other.id ? one : other;
}

function cycleOf(value: unknown): MaintenanceCycle | undefined {
  if (!isObject(value)) return undefined;
  const { enabled = false, interval = 0 } = value;
  if (typeof enabled !== 'boolean' || typeof interval !== 'number') return undefined;
  return { enabled, intervalMs: interval / 1e6 };
}
