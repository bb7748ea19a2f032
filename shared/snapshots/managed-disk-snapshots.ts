import { forEachLimited } from '../model/limited.ts';
import {
  parseSnapshotResourceId,
  type SnapshotResourceId,
  sameForArm,
  snapshotsPath,
} from './azure-resource-id.ts';
import { type ArmOptions, type ArmReader, armReader } from './azure-resource-manager.ts';
import { managedDiskFacts } from './managed-disk-facts.ts';
import { SnapshotError, shownReference, unchecked } from './snapshot-error.ts';
import type {
  SnapshotAnswer,
  SnapshotFacts,
  SnapshotWitness,
  WitnessOptions,
} from './snapshot-witness.ts';

export interface ManagedDiskWitnessOptions extends ArmOptions {
  /** Id of the subscription that the witness speaks for. */
  readonly subscription: string;
}

/** From so many references in one resource group on, the group is listed before single ones are got. */
const LISTED_FROM = 4;
const CONCURRENCY = 4;

/** Snapshots of managed disks in one subscription, read from Azure Resource Manager. */
export function managedDiskSnapshotWitness(options: ManagedDiskWitnessOptions): SnapshotWitness {
  const { subscription } = options;
  const place = `Azure subscription ${subscription}`;
  const arm = armReader(options);
  return {
    place,
    lookUp: (references, call = {}) => lookUp(references, subscription, arm, call),
    async *listTagged(tagKeys, call = {}) {
      if (tagKeys.length === 0) return;
      // Azure ignores the letter case of tag names.
      const wanted = new Set(tagKeys.map(sameForArm));
      const seen = new Set<string>();
      for await (const resource of arm.list(snapshotsPath(subscription), call)) {
        const facts = usable(resource, place);
        const key = sameForArm(facts.id);
        if (seen.has(key)) continue;
        seen.add(key);
        if ([...facts.tags.keys()].some((tag) => wanted.has(sameForArm(tag)))) yield facts;
      }
    },
  };
}

interface Wanted extends SnapshotResourceId {
  /** Every way in which it was asked for. */
  readonly references: string[];
}

async function lookUp(
  references: readonly string[],
  subscription: string,
  arm: ArmReader,
  call: WitnessOptions,
): Promise<ReadonlyMap<string, SnapshotAnswer>> {
  const answers = new Map<string, SnapshotAnswer>();
  const groups = new Map<string, Map<string, Wanted>>();
  for (const reference of new Set(references)) {
    const id = parseSnapshotResourceId(reference);
    const shown = shownReference(reference);
    if (id === undefined) {
      const message = `Cannot look up ${shown}: it is no ARM id of a disk snapshot`;
      answers.set(reference, unchecked(new SnapshotError('invalid', message)));
    } else if (sameForArm(id.subscription) !== sameForArm(subscription)) {
      const message = `Cannot look up ${shown}: it is not in the subscription ${subscription}`;
      answers.set(reference, unchecked(new SnapshotError('other_account', message)));
    } else {
      const groupKey = sameForArm(id.resourceGroup);
      const group = groups.get(groupKey) ?? new Map<string, Wanted>();
      groups.set(groupKey, group);
      const wanted = group.get(sameForArm(id.name)) ?? { ...id, references: [] };
      wanted.references.push(reference);
      group.set(sameForArm(id.name), wanted);
    }
  }

  const settle = (wanted: Wanted, answer: SnapshotAnswer): void => {
    for (const reference of wanted.references) answers.set(reference, answer);
  };
  const limits = { concurrency: CONCURRENCY, weightMax: CONCURRENCY };
  const left: Wanted[] = [];
  const weigh = (): number => 1;
  await forEachLimited(groups.values(), limits, weigh, async (group) => {
    if (group.size >= LISTED_FROM) await settleByList(group, arm, call, settle);
    left.push(...group.values());
  });
  // What no list showed is asked for by its id: only that answer proves it absent.
  await forEachLimited(left, limits, weigh, async (wanted) => {
    settle(wanted, await single(wanted, arm, call));
  });
  return answers;
}

/** Takes out of `group` what its list settles; a list that fails settles all the others so. */
async function settleByList(
  group: Map<string, Wanted>,
  arm: ArmReader,
  call: WitnessOptions,
  settle: (wanted: Wanted, answer: SnapshotAnswer) => void,
): Promise<void> {
  const [{ subscription, resourceGroup } = { subscription: '', resourceGroup: '' }] =
    group.values();
  try {
    for await (const resource of arm.list(snapshotsPath(subscription, resourceGroup), call)) {
      const facts = managedDiskFacts(resource);
      const key = sameForArm(parseSnapshotResourceId(facts?.id ?? '')?.name ?? '');
      const wanted = group.get(key);
      if (facts === undefined || wanted === undefined) continue;
      settle(wanted, { outcome: 'found', facts });
      group.delete(key);
      if (group.size === 0) return;
    }
  } catch (error) {
    const answer = unchecked(error);
    for (const wanted of group.values()) settle(wanted, answer);
    group.clear();
  }
}

async function single(
  { subscription, resourceGroup, name, references }: Wanted,
  arm: ArmReader,
  call: WitnessOptions,
): Promise<SnapshotAnswer> {
  const path = snapshotsPath(subscription, resourceGroup, name);
  try {
    const resource = await arm.get(path, call);
    if (resource === undefined) return { outcome: 'absent' };
    const facts = usable(resource, path);
    if (sameForArm(facts.id) !== sameForArm(references[0] ?? '')) {
      throw new SnapshotError('unreachable', `Cannot use the answer to "${path}": of another one`);
    }
    return { outcome: 'found', facts };
  } catch (error) {
    return unchecked(error);
  }
}

function usable(resource: unknown, asked: string): SnapshotFacts {
  const facts = managedDiskFacts(resource);
  if (facts !== undefined) return facts;
  throw new SnapshotError('unreachable', `Cannot use the answer to "${asked}": not a snapshot`);
}
