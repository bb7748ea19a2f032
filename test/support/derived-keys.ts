/**
 * Tests open some fifty repositories over and over, in many processes. What turns a password into a
 * key is slow on purpose (0.2 s each), so that its answers are kept beside the
 * installed packages, each under a hash of everything that was asked. It is still Node's function that answers first.
 * A password that begins with `UNKEPT` is derived each time.
 */
import crypto, { type BinaryLike, createHash, type ScryptOptions } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';

type Answer = (error: Error | null, key: Buffer) => void;

const FOLDER = join(import.meta.dirname, '../../node_modules/.cache/drydock-derived-keys');
mkdirSync(FOLDER, { recursive: true, mode: 0o700 });

const { scrypt, scryptSync, pbkdf2, pbkdf2Sync } = crypto;

function place(...asked: readonly unknown[]): string {
  const plain = (_: string, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
  const name = createHash('sha256').update(JSON.stringify(asked, plain)).digest('hex');
  return join(FOLDER, name);
}

/** For a test of the derivation itself. */
export const UNKEPT = 'never kept: ';

function known(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function keep(path: string, key: Buffer): Buffer {
  // Renamed, so that another process reads all of it or nothing.
  const fresh = `${path}.${process.pid}.${Math.random()}`;
  writeFileSync(fresh, key, { mode: 0o600 });
  renameSync(fresh, path);
  return key;
}

/** Answers from what is kept, else asks `derive` and keeps what it says. */
function answer(path: string, derive: (done: Answer) => void, done: Answer): void {
  const key = known(path);
  if (key !== undefined) {
    setImmediate(done, null, key);
    return;
  }
  derive((error, fresh) => done(error, error === null ? keep(path, fresh) : fresh));
}

const patched = {
  scrypt(password: BinaryLike, salt: BinaryLike, length: number, ...rest: [ScryptOptions, Answer]) {
    const [options, done] = rest;
    const derive = (told: Answer) => scrypt(password, salt, length, options, told);
    if (String(password).startsWith(UNKEPT)) return derive(done);
    answer(place('scrypt', password, salt, length, options), derive, done);
  },
  scryptSync(password: BinaryLike, salt: BinaryLike, length: number, options: ScryptOptions) {
    const path = place('scrypt', password, salt, length, options);
    return known(path) ?? keep(path, scryptSync(password, salt, length, options));
  },
  pbkdf2(
    password: BinaryLike,
    salt: BinaryLike,
    rounds: number,
    length: number,
    hash: string,
    done: Answer,
  ) {
    const derive = (told: Answer) => pbkdf2(password, salt, rounds, length, hash, told);
    answer(place('pbkdf2', password, salt, rounds, length, hash), derive, done);
  },
  pbkdf2Sync(password: BinaryLike, salt: BinaryLike, rounds: number, length: number, hash: string) {
    const path = place('pbkdf2', password, salt, rounds, length, hash);
    return known(path) ?? keep(path, pbkdf2Sync(password, salt, rounds, length, hash));
  },
};

// A worker runs this before each of its files, and patches once.
const PATCHED = Symbol.for('drydock-derived-keys');
if (!Reflect.has(crypto, PATCHED)) {
  Object.assign(crypto, patched, { [PATCHED]: true });
  syncBuiltinESMExports();
}
