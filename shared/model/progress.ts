/** What a long run tells while it works; a terminal draws a bar from it, a pipe prints lines. */
export interface ProgressUpdate {
  /** What it is doing now, e.g. `kopia/shop: pack blobs`. */
  readonly stage: string;
  readonly objectsDone: number;
  readonly objectsAll: number;
  readonly bytesDone: number;
  readonly bytesAll: number;
}

export interface Progress {
  update(update: ProgressUpdate): void;
}

export const silentProgress: Progress = { update: () => undefined };
