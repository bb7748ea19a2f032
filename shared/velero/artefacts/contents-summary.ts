import { hash } from 'node:crypto';
import type { CallOptions, ObjectReader } from '../../stores/store.ts';
import {
  type ContentsLimits,
  type ContentsObject,
  type ContentsProblem,
  type ContentsTotals,
  readContents,
  SECRETS,
} from './contents.ts';
import { groupOf, identityOf, type ObjectPath, preferredVersion } from './contents-path.ts';
import { FactsCollector } from './facts-collector.ts';
import { textAt } from './json.ts';
import type { ResourceList } from './results.ts';
import type { Artefact } from './stored.ts';
import type { VolumeFacts } from './volume-facts.ts';

/** All objects of one resource, each counted once. */
export interface ResourceCount {
  /** `pods`, `deployments.apps`. */
  readonly resource: string;
  /** The API server's preferred version; `undefined` in tarballs of very old servers. */
  readonly version: string | undefined;
  /** Of its first object. */
  readonly kind: string | undefined;
  readonly objects: number;
  /** Of the set of names, to compare with a list without keeping them. */
  readonly namesDigest: number;
}

/** Whether the copy by preferred version says the same as the plain one that Velero restores. */
export interface CopiesAgreement {
  readonly equal: number;
  readonly different: number;
  /** The first of those that differ, quoted. */
  readonly examples: readonly string[];
  /** Plain copies without another and the other way round. 0 where no object has two. */
  readonly single: number;
  /** Secrets, whose bytes are not looked at, and what was too far apart to compare. */
  readonly unchecked: number;
}

/** A whole tarball in bounded memory. */
export interface ContentsSummary extends ContentsTotals, VolumeFacts {
  readonly objects: number;
  /** Secrets, which lie there in clear. */
  readonly secrets: number;
  /** Objects by namespace. */
  readonly namespaces: ReadonlyMap<string, number>;
  readonly resources: ReadonlyMap<string, ResourceCount>;
  readonly copies: CopiesAgreement;
  /** The first of each kind. */
  readonly problems: readonly ContentsProblem[];
  readonly problemCounts: ReadonlyMap<ContentsProblem['kind'], number>;
  /** Whether a limit of memory cut namespaces, resources or volume facts short. */
  readonly isCut: boolean;
}

const PROBLEMS_MAX = 20;
const NAMES_MAX = 20_000;
/** The copies of an object are neighbours, but for the few that the finalizer wrote anew. */
const WAITING_MAX = 20_000;

/** Reads the tarball once, from its first byte to its last. */
export async function summarizeContents(
  reader: ObjectReader,
  backup: string,
  options: CallOptions & { readonly limits?: ContentsLimits } = {},
): Promise<Artefact<ContentsSummary>> {
  const summary = new Summary();
  const contents = await readContents(reader, backup, summary, options);
  if (contents.state !== 'read') return contents;
  return { ...contents, value: { ...contents.value, ...summary.result() } };
}

interface MutableCount {
  resource: string;
  version: string | undefined;
  kind: string | undefined;
  objects: number;
  namesDigest: number;
}

class Summary {
  readonly #facts = new FactsCollector();
  readonly #namespaces = new Map<string, number>();
  readonly #resources = new Map<string, MutableCount>();
  /** Copies whose other one has not come yet: their digest, and whether they are the plain one. */
  readonly #waiting = new Map<string, { readonly digest: string; readonly isPlain: boolean }>();
  readonly #problems: ContentsProblem[] = [];
  readonly #examples: string[] = [];
  readonly #problemCounts = new Map<ContentsProblem['kind'], number>();
  #objects = 0;
  #secrets = 0;
  #equal = 0;
  #different = 0;
  #unchecked = 0;
  #preferred = 0;
  #isCut = false;

  wants(path: ObjectPath): boolean {
    if (path.version !== undefined) return false;
    return this.#facts.wants(path.resource) || this.#resources.get(path.resource) === undefined;
  }

  problem(problem: ContentsProblem): void {
    const count = (this.#problemCounts.get(problem.kind) ?? 0) + 1;
    this.#problemCounts.set(problem.kind, count);
    if (count <= PROBLEMS_MAX) this.#problems.push(problem);
  }

  object(object: ContentsObject): void {
    const preferred = preferredVersion(object);
    if (object.version === undefined) this.#count(object);
    else if (preferred === undefined) return;
    else this.#preferredCopy(object.resource, preferred);
    this.#compare(object);
  }

  #preferredCopy(resource: string, version: string): void {
    this.#preferred += 1;
    const count = this.#resources.get(resource);
    if (count !== undefined) count.version ??= version;
  }

  #count(object: ContentsObject): void {
    const { resource, namespace, name } = object;
    this.#objects += 1;
    if (resource === SECRETS) this.#secrets += 1;
    if (namespace !== undefined) this.#countNamespace(namespace);
    const parsed = object.json?.();
    const value = parsed?.ok === true ? parsed.value : undefined;
    const count = this.#resource(resource);
    if (count !== undefined) {
      count.kind ??= resource === SECRETS ? 'Secret' : textAt(value, 'kind');
      count.objects += 1;
      const listed = namespace === undefined ? name : `${namespace}/${name}`;
      count.namesDigest = (count.namesDigest + nameDigest(listed)) % DIGEST_MODULUS;
    }
    if (value !== undefined) this.#facts.add(resource, value);
  }

  #countNamespace(namespace: string): void {
    const before = this.#namespaces.get(namespace);
    if (before === undefined && this.#namespaces.size >= NAMES_MAX) this.#isCut = true;
    else this.#namespaces.set(namespace, (before ?? 0) + 1);
  }

  #resource(resource: string): MutableCount | undefined {
    const known = this.#resources.get(resource);
    if (known !== undefined) return known;
    if (this.#resources.size >= NAMES_MAX) {
      this.#isCut = true;
      return undefined;
    }
    const count: MutableCount = {
      resource,
      version: undefined,
      kind: undefined,
      objects: 0,
      namesDigest: 0,
    };
    this.#resources.set(resource, count);
    return count;
  }

  #compare(object: ContentsObject): void {
    const isPlain = object.version === undefined;
    if (object.digest === undefined) {
      if (isPlain) this.#unchecked += 1;
      return;
    }
    const identity = identityOf(object);
    const other = this.#waiting.get(identity);
    if (other !== undefined && other.isPlain !== isPlain) {
      this.#waiting.delete(identity);
      if (other.digest === object.digest) this.#equal += 1;
      else this.#differs(identity);
    } else if (this.#waiting.size < WAITING_MAX) {
      this.#waiting.set(identity, { digest: object.digest, isPlain });
    } else {
      this.#unchecked += 1;
    }
  }

  #differs(identity: string): void {
    this.#different += 1;
    if (this.#examples.length < PROBLEMS_MAX) {
      this.#examples.push(JSON.stringify(identity.slice(0, 300)));
    }
  }

  result(): Omit<ContentsSummary, keyof ContentsTotals> {
    return {
      ...this.#facts.facts(),
      objects: this.#objects,
      secrets: this.#secrets,
      namespaces: this.#namespaces,
      resources: this.#resources,
      copies: {
        equal: this.#equal,
        different: this.#different,
        examples: this.#examples,
        single: this.#preferred === 0 ? 0 : this.#waiting.size,
        unchecked: this.#preferred === 0 ? 0 : this.#unchecked,
      },
      problems: this.#problems,
      problemCounts: this.#problemCounts,
      isCut: this.#isCut || this.#facts.isCut,
    };
  }
}

/** Sums of digests stay exact below 2^53. */
const DIGEST_MODULUS = 2 ** 48;

function nameDigest(name: string): number {
  return Number.parseInt(hash('sha256', name, 'hex').slice(0, 12), 16);
}

export interface ListDifference {
  /** `group/version/Kind` as in the list. */
  readonly kind: string;
  readonly listed: number;
  readonly found: number;
}

/**
 * Where the tarball and `-resource-list.json.gz` disagree, by number or by names (check V6). Objects
 * that the finalizer adds, such as DataUploads, are in the tarball alone and no difference.
 */
export function compareWithList(
  summary: ContentsSummary,
  list: ResourceList,
): readonly ListDifference[] {
  const differences: ListDifference[] = [];
  const seen = new Set<string>();
  for (const count of summary.resources.values()) {
    const group = groupOf(count.resource);
    const version = group === '' ? count.version : `${group}/${count.version}`;
    const kind = `${version}/${count.kind}`;
    const names = list.get(kind) ?? [];
    seen.add(kind);
    if (names.length === 0 && group === 'velero.io') continue;
    let digest = 0;
    for (const name of names) digest = (digest + nameDigest(name)) % DIGEST_MODULUS;
    if (names.length !== count.objects || digest !== count.namesDigest) {
      differences.push({ kind, listed: names.length, found: count.objects });
    }
  }
  for (const [kind, names] of list) {
    if (!seen.has(kind) && names.length > 0) {
      differences.push({ kind, listed: names.length, found: 0 });
    }
  }
  return differences;
}
