/** What a damaged twin is: a repository of which something was taken or changed, and what that means. */
import type { FindingCode } from '../../../shared/model/finding.ts';
import type { ObjectStore } from '../../../shared/stores/store.ts';

/** What is true of a twin, by the real tool's answers about its healthy original or by its making. */
export interface Truth {
  /** `false`: no reader that follows Kopia's rules gets as far as a list of snapshots. */
  readonly opens: boolean;
  /** Code of the error with which opening its format ends, where that is so. */
  readonly refusal?: string;
  /** Findings that show the damage, at the level that can see it; others may come with them. */
  readonly findings: {
    readonly structure: readonly FindingCode[];
    /** Beside those of `structure`. */
    readonly content: readonly FindingCode[];
  };
  /** Packs of which something is lost. */
  readonly packs: readonly string[];
  /** Contents that cannot be had, or are not what they say; those that are live in the index. */
  readonly contents: readonly string[];
  /** Paths that cannot be restored as they were, by snapshot; `''` is the root. */
  readonly files: Readonly<Record<string, readonly string[]>>;
  /** Snapshots that no longer show, without anything that tells of them. */
  readonly vanished: readonly string[];
  /** What else there is to know. */
  readonly note?: string;
}

export interface Twin {
  readonly store: ObjectStore;
  /** Empty, or with a trailing slash. */
  readonly prefix: string;
  readonly password: string;
  readonly truth: Truth;
}

export interface Damage {
  /** Lower case with hyphens; also the folder that `make.ts` writes. */
  readonly name: string;
  /** What was done, one sentence. */
  readonly title: string;
  /** The healthy original: a fixture, or `writer` for what no released Kopia writes. */
  readonly from: string;
  make(): Promise<Twin>;
}

const NOTHING: Truth = {
  opens: true,
  findings: { structure: [], content: [] },
  packs: [],
  contents: [],
  files: {},
  vanished: [],
};

export interface TruthParts extends Partial<Omit<Truth, 'findings'>> {
  readonly structure?: readonly FindingCode[];
  readonly content?: readonly FindingCode[];
}

/** The truth where all that is not said is whole. */
export function truthOf({ structure = [], content = [], ...parts }: TruthParts): Truth {
  return { ...NOTHING, ...parts, findings: { structure, content } };
}
