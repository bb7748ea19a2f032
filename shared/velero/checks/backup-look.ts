import type { ObjectInfo, ObjectReader } from '../../stores/store.ts';
import type { BackupFacts } from './backup-facts.ts';

export interface LookOptions {
  /** Of the location, for the subjects of findings. */
  readonly url: string;
  /** A replica is written in the opposite order: its velero-backup.json comes last. */
  readonly role: 'source' | 'replica';
  readonly now: Date;
  readonly signal?: AbortSignal;
}

/** Reads one backup whole, as it lies in the store. */
export declare function lookAtBackup(
  reader: ObjectReader,
  backup: string,
  files: readonly ObjectInfo[],
  options: LookOptions,
): Promise<BackupFacts>;
