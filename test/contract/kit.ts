import { expect, test } from 'vitest';
import { bytesBody, collect } from '../../shared/stores/checksum.ts';
import type { ObjectInfo, ObjectStore, WriteOptions } from '../../shared/stores/store.ts';
import { StoreError, type StoreErrorCode } from '../../shared/stores/store-error.ts';

/** One implementation under test, with what the suite needs to bring about what users suffer. */
export interface ContractSubject {
  /** An empty place of its own for each call. */
  readonly store: ObjectStore;
  /** The same place as seen by an identity that may do nothing. */
  readonly denied?: ObjectStore;
  /** The same kind of store on a bucket that does not exist. */
  readonly bucketAbsent?: ObjectStore;
  /** The same kind of store where nobody listens. */
  readonly unreachable?: ObjectStore;
  /** The same place behind something that answers every request by "slow down". */
  readonly throttled?: ObjectStore;
  /** The same place, where every object answers as if it lay in an archive tier. */
  readonly archived?: ObjectStore;
  /** Uploads begun and not completed, as far as the vendor shows them. */
  readonly unfinishedUploads?: () => Promise<number>;
  readonly close?: () => Promise<void>;
}

/** A case that a subject cannot show, and why. Counted as skipped, by name. */
export interface ContractException {
  readonly test: string;
  readonly reason: string;
}

export const text = (value: string): Uint8Array => Buffer.from(value);

/** Three parts of the 8 MiB that the stores make, the last of them short. */
export const LARGE_SIZE_BYTES = 16 * 1024 * 1024 + 123;

/** What the cases share. `store` and `subject` are there from the first case on. */
export interface ContractKit {
  readonly store: ObjectStore;
  readonly subject: ContractSubject;
  /** Registers a case, or its exception. */
  check(title: string, body: () => Promise<void>): void;
  /** A prefix that no other case uses. */
  place(): string;
  put(
    key: string,
    bytes: Uint8Array,
    options?: Partial<WriteOptions>,
    on?: ObjectStore,
  ): Promise<ObjectInfo>;
  get(key: string): Promise<Uint8Array>;
  keys(prefix: string, startAfter?: string): Promise<string[]>;
  /** The call must throw a `StoreError` of this code, in the form that messages have. */
  fails(code: StoreErrorCode, call: () => Promise<unknown>): Promise<StoreError>;
  /** A further store of the subject, which must bring it unless the case is an exception. */
  other(kind: keyof ContractSubject): ObjectStore;
}

export interface OpenKit extends ContractKit {
  open(subject: ContractSubject): void;
  /** Exceptions that name no case. */
  unknownExceptions(): readonly string[];
}

export function contractKit(name: string, exceptions: readonly ContractException[]): OpenKit {
  const skipped = new Map(exceptions.map((exception) => [exception.test, exception.reason]));
  const seen = new Set<string>();
  let opened: ContractSubject | undefined;
  let places = 0;
  const subject = (): ContractSubject => {
    if (opened === undefined) throw new Error(`The subject "${name}" is not open`);
    return opened;
  };
  return {
    get subject() {
      return subject();
    },
    get store() {
      return subject().store;
    },
    open(value) {
      opened = value;
    },
    unknownExceptions: () => [...skipped.keys()].filter((title) => !seen.has(title)),
    check(title, body) {
      seen.add(title);
      const reason = skipped.get(title);
      if (reason === undefined) test(title, body);
      else test.skip(`${title} (left out: ${reason})`, body);
    },
    place() {
      places += 1;
      return `case-${places}/`;
    },
    put: (key, bytes, options = {}, on = subject().store) =>
      on.write(key, bytesBody(bytes), { sizeBytes: bytes.byteLength, ...options }),
    get: async (key) => collect((await subject().store.read(key)).body),
    async keys(prefix, startAfter) {
      const options = startAfter === undefined ? {} : { startAfter };
      const listed = await Array.fromAsync(subject().store.list(prefix, options));
      return listed.map(({ key }) => key);
    },
    async fails(code, call) {
      const error = await call().then(
        (value) => new Error(`resolved with ${JSON.stringify(value)}`),
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(StoreError);
      const storeError = error as StoreError;
      expect(`${storeError.code}: ${storeError.message}`).toMatch(new RegExp(`^${code}: `));
      expect(storeError.message).not.toMatch(/\.$/);
      expect(storeError.hint).not.toBe('');
      return storeError;
    },
    other(kind) {
      const found = subject()[kind];
      if (found === undefined) throw new Error(`The subject "${name}" brings no store "${kind}"`);
      return found as ObjectStore;
    },
  };
}
