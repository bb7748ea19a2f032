import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** Certificates made at test time: Node has keys and signatures, so only X.509's DER is ours. */
export interface Issued {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
}

export interface CertificateAuthority {
  /** PEM. */
  readonly certificate: string;
  /** A certificate for these DNS names (and IPv4 addresses), or for a client named `name`. */
  issue(name: string, names?: readonly string[]): Issued;
}

/** A CA of its own with a P-256 key; valid for all of this century. */
export function makeAuthority(name: string): CertificateAuthority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const ca = { name, key: keys.privateKey };
  const isCa = extension('551d13', der(0x30, der(0x01, Buffer.of(0xff))), true);
  return {
    certificate: certificate(ca, name, keys.publicKey, [isCa]),
    issue(subject, names = []) {
      const own = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
      const extensions =
        names.length === 0 ? [] : [extension('551d11', der(0x30, ...names.map(san)))];
      return {
        certificate: certificate(ca, subject, own.publicKey, extensions),
        key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      };
    },
  };
}

let serial = 0;

function certificate(
  issuer: { readonly name: string; readonly key: KeyObject },
  subject: string,
  publicKey: KeyObject,
  extensions: readonly Buffer[],
): string {
  serial += 1;
  const content = der(
    0x30,
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.of(0x01, serial >> 8, serial & 0xff)),
    ECDSA_SHA256,
    commonName(issuer.name),
    der(0x30, time('20000101000000Z'), time('20991231235959Z')),
    commonName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length === 0 ? [] : [der(0xa3, der(0x30, ...extensions))]),
  );
  const signature = der(0x03, Buffer.of(0), sign('sha256', content, issuer.key));
  const base64 = der(0x30, content, ECDSA_SHA256, signature).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

/** Tag, length, content. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const ECDSA_SHA256 = der(0x30, oid('2a8648ce3d040302'));
const time = (text: string): Buffer => der(0x18, Buffer.from(text, 'ascii'));

function commonName(name: string): Buffer {
  return der(0x30, der(0x31, der(0x30, oid('550403'), der(0x0c, Buffer.from(name)))));
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  const flag = critical ? [der(0x01, Buffer.of(0xff))] : [];
  return der(0x30, oid(id), ...flag, der(0x04, value));
}

function san(name: string): Buffer {
  const address = /^[\d.]+$/.test(name);
  return address
    ? der(0x87, Buffer.from(name.split('.').map(Number)))
    : der(0x82, Buffer.from(name, 'ascii'));
}
