import type { Clock } from '../model/clock.ts';
import { KubernetesError } from './kubernetes-error.ts';

/**
 * A bearer token for each request. `refresh` asks for another one than before, because the server
 * did not accept that. Room for vendors: EKS and AKS tokens are made above this room.
 */
export type TokenProvider = (options: { readonly refresh: boolean }) => Promise<string>;

/** How to reach an API server and who to be there. Holds secrets: never log one (S9). */
export interface Connection {
  /** For messages: `context "prod"`, `this cluster`. */
  readonly source: string;
  /** `https://host[:port][/path]`. */
  readonly server: string;
  /** The namespace that the kubeconfig's context or the pod names. */
  readonly namespace?: string;
  /** PEM. Only what these sign is trusted; without them what Node trusts. */
  readonly ca?: string;
  /** The name that the certificate must have, where it is not the one of `server`. */
  readonly serverName?: string;
  /** Accepts any certificate. Only ever set where a user asked for just that. */
  readonly insecure?: true;
  /** PEM. */
  readonly clientCertificate?: { readonly certificate: string; readonly key: string };
  readonly token?: TokenProvider;
  /**
   * Variables as Node reads them for proxies (`HTTPS_PROXY`, `NO_PROXY`); none without them. Node
   * before 22.21 and 24.5 knows no such thing and connects directly.
   */
  readonly proxyEnv?: Readonly<Record<string, string | undefined>>;
}

export type ReadTextFile = (path: string) => Promise<string>;

/**
 * Keeps a token for `lifeMs`, less where a refresh is asked for. Callers at the same time share one
 * request for it.
 */
export function cachedToken(
  fetchToken: () => Promise<string>,
  lifeMs: number,
  clock: Clock,
): TokenProvider {
  let kept: { readonly token: Promise<string>; readonly untilMs: number } | undefined;
  return async ({ refresh }) => {
    const nowMs = clock.now().getTime();
    if (kept !== undefined && !refresh && nowMs < kept.untilMs) return await kept.token;
    const mine = { token: fetchToken(), untilMs: nowMs + lifeMs };
    kept = mine;
    try {
      return await mine.token;
    } catch (error) {
      if (kept === mine) kept = undefined;
      throw error;
    }
  };
}

/** Tokens of service accounts are replaced on disk long before they end; a minute is client-go's. */
const TOKEN_FILE_LIFE_MS = 60_000;

/** A token that somebody else keeps fresh in a file. */
export function tokenFile(path: string, readFile: ReadTextFile, clock: Clock): TokenProvider {
  const read = async () => {
    try {
      return (await readFile(path)).trim();
    } catch (cause) {
      throw new KubernetesError('denied', `Cannot read the token file "${path}"`, {
        hint: 'Check that the file exists and that this process may read it',
        cause,
      });
    }
  };
  return cachedToken(read, TOKEN_FILE_LIFE_MS, clock);
}
