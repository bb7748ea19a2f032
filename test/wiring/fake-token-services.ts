import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TokenRequest {
  readonly method: string;
  readonly path: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface TokenServices {
  /** For `AWS_ENDPOINT_URL_STS`. */
  readonly sts: string;
  /** For `IDENTITY_ENDPOINT`: where Azure Functions offers the managed identity. */
  readonly managedIdentity: string;
  readonly requests: readonly TokenRequest[];
  /** Refuses everything from now on, with this code. */
  refuse(code: string): void;
  close(): Promise<void>;
}

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';

/** The SDK asks where the managed identity is once in the life of a process, so that it must stay. */
let port = 0;

/**
 * A fake of AWS STS (query protocol) and of Azure's managed identity endpoint (2019-08-01), as far
 * as exchanging tokens goes. Signatures are not checked.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 */
export async function startTokenServices(): Promise<TokenServices> {
  const requests: TokenRequest[] = [];
  let refusal: string | undefined;
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request.setEncoding('utf8')) body += piece;
    const url = new URL(request.url ?? '/', 'http://localhost');
    const parameters = Object.fromEntries([...url.searchParams, ...new URLSearchParams(body)]);
    const { method = '', headers } = request;
    requests.push({ method, path: url.pathname, parameters, headers });
    if (url.pathname === '/msi') {
      response.writeHead(200, { 'content-type': 'application/json' });
      const expires = Math.floor(Date.now() / 1000) + 3600;
      return response.end(
        JSON.stringify({
          access_token: 'entra-token',
          expires_on: `${expires}`,
          token_type: 'Bearer',
        }),
      );
    }
    response.setHeader('content-type', 'text/xml');
    if (refusal !== undefined) {
      response.statusCode = 403;
      const error = `<Type>Sender</Type><Code>${refusal}</Code><Message>secret-canary</Message>`;
      return response.end(
        `<ErrorResponse xmlns="${NAMESPACE}"><Error>${error}</Error></ErrorResponse>`,
      );
    }
    response.end(answer(parameters['Action'] ?? ''));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
  const base = `http://127.0.0.1:${port}`;
  return {
    sts: `${base}/sts`,
    managedIdentity: `${base}/msi`,
    requests,
    refuse: (code) => {
      refusal = code;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(action: string): string {
  const expiration = new Date(Date.now() + 900_000).toISOString();
  const credentials = `<Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-session</SessionToken><Expiration>${expiration}</Expiration></Credentials>`;
  const result =
    action === 'GetWebIdentityToken'
      ? `<WebIdentityToken>aws-token</WebIdentityToken><Expiration>${expiration}</Expiration>`
      : credentials;
  return `<${action}Response xmlns="${NAMESPACE}"><${action}Result>${result}</${action}Result></${action}Response>`;
}
