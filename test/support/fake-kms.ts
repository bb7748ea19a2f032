/**
 * A fake of AWS KMS for tests that have no moto: DescribeKey, GetPublicKey and Sign of one key.
 * Shapes as in the KMS API reference (AWS JSON 1.1), by hand; the signatures are made by a real key.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { listening, type RunningFake } from './fake-server.ts';

export type KmsFault = { readonly status: number; readonly type: string } | 'reset';

export interface FakeKms extends RunningFake {
  readonly arn: string;
  /** Of the key, in PEM. */
  readonly publicKey: string;
  /** What was asked, as `Action KeyId`. */
  readonly requests: readonly string[];
  /** Laid over what DescribeKey answers. */
  describe(metadata: Readonly<Record<string, unknown>>): void;
  /** Asked about each request; `undefined` ends the faults. */
  setFault(fault: ((action: string) => KmsFault | undefined) | undefined): void;
}

export async function fakeKms(kind: 'ed25519' | 'p256'): Promise<FakeKms> {
  const arn = 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
  const pair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } =
    kind === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const algorithm = kind === 'ed25519' ? 'ED25519_SHA_512' : 'ECDSA_SHA_256';
  const requests: string[] = [];
  let metadata: Readonly<Record<string, unknown>> = {};
  let faultOf: ((action: string) => KmsFault | undefined) | undefined;

  const server = createServer(async (incoming, response) => {
    let text = '';
    for await (const piece of incoming.setEncoding('utf8')) text += piece;
    const action = `${incoming.headers['x-amz-target']}`.replace(/^TrentService\./, '');
    const body = JSON.parse(text) as Readonly<Record<string, string>>;
    requests.push(`${action} ${body['KeyId']}`);
    const fault = faultOf?.(action);
    if (fault === 'reset') return void incoming.socket.destroy();
    const answer = fault === undefined ? answerTo(action, body) : { __type: fault.type };
    response.writeHead(fault?.status ?? 200, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify(answer));
  });

  function answerTo(action: string, body: Readonly<Record<string, string>>): object {
    if (action === 'DescribeKey') {
      return { KeyMetadata: { Arn: arn, KeyState: 'Enabled', Enabled: true, ...metadata } };
    }
    const common = { KeyId: arn, KeyUsage: 'SIGN_VERIFY' };
    if (action === 'GetPublicKey') {
      const der = pair.publicKey.export({ format: 'der', type: 'spki' });
      return { ...common, PublicKey: der.toString('base64'), SigningAlgorithms: [algorithm] };
    }
    if (body['SigningAlgorithm'] !== algorithm || body['MessageType'] !== 'RAW') return {};
    const message = Buffer.from(body['Message'] ?? '', 'base64');
    const signature = sign(kind === 'ed25519' ? null : 'sha256', message, pair.privateKey);
    return { KeyId: arn, Signature: signature.toString('base64'), SigningAlgorithm: algorithm };
  }

  return {
    ...(await listening(server)),
    arn,
    publicKey: `${pair.publicKey.export({ format: 'pem', type: 'spki' })}`,
    requests,
    describe: (next) => {
      metadata = next;
    },
    setFault: (next) => {
      faultOf = next;
    },
  };
}
