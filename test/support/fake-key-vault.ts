/**
 * A fake of Azure Key Vault, which has no emulator, for keys alone: get, get deleted, sign. Shapes
 * as in "Get Key", "Get Deleted Key", "Sign" and the error answers of the Key Vault REST reference,
 * version 7.4, by hand; the signatures are made by a real key.
 */
import { createECDH, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { listening, type RunningFake } from './fake-server.ts';

export interface FakeKeyVault extends RunningFake {
  /** Of the one key, without a version: `http://127.0.0.1:<port>/keys/evidence`. */
  readonly keyUrl: string;
  /** Of the key's current version, in PEM. */
  readonly publicKey: string;
  readonly requests: readonly string[];
  /** What the key is from now on. */
  become(state: FakeKeyState): void;
  /** Another version from now on. */
  rotate(): void;
}

export type FakeKeyState =
  | 'enabled'
  /** Shown as disabled, or refused: both are seen. */
  | 'disabled'
  | 'refused-as-disabled'
  | { readonly deletedUntil: Date }
  | 'purged'
  | 'denied'
  | 'throttled-once'
  | 'redirected'
  | 'reset';

interface Answer {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

const API_VERSION = '7.4';
const NAME = 'evidence';

export async function fakeKeyVault(token: string, curve = 'prime256v1'): Promise<FakeKeyVault> {
  let state: FakeKeyState = 'enabled';
  const versions = [generateKeyPairSync('ec', { namedCurve: curve })];
  const requests: string[] = [];
  const server = createServer(async (incoming, response) => {
    const body = await text(incoming);
    requests.push(`${incoming.method} ${incoming.url}`);
    if (state === 'reset') return void incoming.socket.destroy();
    const answer = answerTo(incoming, body);
    if (state === 'throttled-once') state = 'enabled';
    const headers = { 'content-type': 'application/json; charset=utf-8', ...answer.headers };
    response.writeHead(answer.status, headers);
    response.end(JSON.stringify(answer.body));
  });
  const running = await listening(server);
  const keyUrl = `${running.url}/keys/${NAME}`;
  const idOf = (at: number): string => `${keyUrl}/${`${at + 1}`.padStart(32, '0')}`;

  function answerTo(incoming: IncomingMessage, body: string): Answer {
    const url = new URL(incoming.url ?? '/', running.url);
    if (incoming.headers.authorization !== `Bearer ${token}`) return refused(401, 'Unauthorized');
    if (url.searchParams.get('api-version') !== API_VERSION) return refused(400, 'BadParameter');
    if (state === 'denied') return refused(403, 'Forbidden', 'ForbiddenByRbac');
    if (state === 'throttled-once') return refused(429, 'Throttled');
    if (state === 'redirected') {
      return { status: 307, body: {}, headers: { location: `${running.url}/elsewhere` } };
    }
    const path = `${running.url}${url.pathname}`;
    const isDeleted = typeof state === 'object';
    if (path === `${running.url}/deletedkeys/${NAME}` && typeof state === 'object') {
      const seconds = Math.floor(state.deletedUntil.getTime() / 1000);
      const recoveryId = `${running.url}/deletedkeys/${NAME}`;
      return { status: 200, body: { ...bundle(0), recoveryId, scheduledPurgeDate: seconds } };
    }
    if (isDeleted || state === 'purged' || !path.startsWith(keyUrl)) {
      return refused(404, 'KeyNotFound');
    }
    if (state === 'refused-as-disabled') return refused(403, 'Forbidden', 'KeyDisabled');
    const at = versions.findIndex((_, version) => path.startsWith(idOf(version)));
    if (!path.endsWith('/sign')) {
      return { status: 200, body: bundle(at === -1 ? versions.length - 1 : at) };
    }
    return state === 'disabled' ? refused(403, 'Forbidden', 'KeyDisabled') : signed(at, body);
  }

  function bundle(at: number): object {
    const { kty, crv, x, y } = versions[at]?.publicKey.export({ format: 'jwk' }) ?? {};
    const key_ops = ['sign', 'verify'];
    const attributes = { enabled: state !== 'disabled', created: 1, updated: 1 };
    return { key: { kid: idOf(at), kty, key_ops, crv, x, y }, attributes };
  }

  function signed(at: number, body: string): Answer {
    const { alg, value } = JSON.parse(body) as { alg: string; value: string };
    const key = versions[at]?.privateKey;
    const digest = Buffer.from(value, 'base64url');
    if (key === undefined || alg !== 'ES256' || digest.length !== 32) {
      return refused(400, 'BadParameter');
    }
    return { status: 200, body: { kid: idOf(at), value: signDigest(key, digest) } };
  }

  return {
    ...running,
    keyUrl,
    publicKey: `${versions[0]?.publicKey.export({ format: 'pem', type: 'spki' })}`,
    requests,
    become: (next) => {
      state = next;
    },
    rotate: () => void versions.push(generateKeyPairSync('ec', { namedCurve: curve })),
  };
}

/** The order of P-256 (SEC 2). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** ECDSA of a digest (FIPS 186-5, 6.4): Node signs messages alone. Both numbers in base64url. */
function signDigest(key: KeyObject, digest: Buffer): string {
  const number = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`);
  const nonce = createECDH('prime256v1');
  const r = number(nonce.generateKeys().subarray(1, 33)) % ORDER;
  const secret = number(Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url'));
  const s = (inverse(number(nonce.getPrivateKey())) * (number(digest) + r * secret)) % ORDER;
  const hex = [r, s].map((part) => part.toString(16).padStart(64, '0')).join('');
  return Buffer.from(hex, 'hex').toString('base64url');
}

/** By Fermat: the order is a prime. */
function inverse(value: bigint): bigint {
  let [result, base] = [1n, value % ORDER];
  for (let exponent = ORDER - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % ORDER;
    base = (base * base) % ORDER;
  }
  return result;
}

function refused(status: number, code: string, inner?: string): Answer {
  const innererror = inner === undefined ? {} : { innererror: { code: inner } };
  return { status, body: { error: { code, message: code, ...innererror } } };
}

async function text(incoming: IncomingMessage): Promise<string> {
  let body = '';
  for await (const piece of incoming.setEncoding('utf8')) body += piece;
  return body;
}
