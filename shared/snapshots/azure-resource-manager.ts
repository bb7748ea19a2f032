import type { TokenCredential } from '@azure/identity';
import type { Clock } from '../model/clock.ts';
import type { Ask } from './asking.ts';
import { translateArmAnswer, translateArmFailure } from './azure-errors.ts';
import { SnapshotError } from './snapshot-error.ts';
import type { WitnessOptions } from './snapshot-witness.ts';

export interface ArmOptions {
  /** Without a slash at its end: `https://management.azure.com`. Tokens are made for it. */
  readonly endpoint: string;
  readonly credential: TokenCredential;
  readonly ask: Ask;
  readonly clock: Clock;
  /** Of the resource provider that is asked; that of disks by default. */
  readonly apiVersion?: string;
}

/** Reads of Azure Resource Manager. Its answers are `unknown`: whoever asks says what must be there. */
export interface ArmReader {
  /** @returns `undefined` when the resource or its group is proven absent. */
  get(path: string, options: WitnessOptions): Promise<unknown>;
  /**
   * The elements of every page, as they come; nothing at all when the group is proven absent.
   * @throws SnapshotError rather than end early.
   */
  list(path: string, options: WitnessOptions): AsyncGenerator<unknown>;
}

/**
 * The version of the disk resource provider whose shapes are read here. Source: "Snapshots - Get"
 * and "Snapshots - List" of the Azure Compute REST reference.
 */
const DISKS_API_VERSION = '2024-03-02';
/** No whole answer within this time is none. ARM itself gives up after a minute. */
const SILENCE_MS = 60_000;
/** A page holds some hundred resources of about two kilobytes. */
const ANSWER_SIZE_BYTES_MAX = 32 * 1024 * 1024;
/** A token with less life than this is not used any more. */
const TOKEN_MARGIN_MS = 120_000;

export function armReader(options: ArmOptions): ArmReader {
  const { endpoint, ask, apiVersion = DISKS_API_VERSION } = options;
  const token = tokens(options);
  const get = (url: string, { signal }: WitnessOptions): Promise<unknown> =>
    ask(async () => {
      try {
        return await fetchJson(url, await token(signal), signal);
      } catch (error) {
        throw translateArmFailure(error, endpoint, signal);
      }
    }, signal);
  const first = (path: string): string => `${endpoint}${path}?api-version=${apiVersion}`;

  return {
    get: (path, call) => get(first(path), call),
    async *list(path, call) {
      const asked = new Set<string>();
      for (let url: string | undefined = first(path); url !== undefined; ) {
        asked.add(url);
        const page = await get(url, call);
        if (page === undefined && asked.size === 1) return;
        const { value, nextLink } = (page ?? {}) as { value?: unknown; nextLink?: unknown };
        if (!Array.isArray(value)) throw unusable(endpoint, 'a page without a list');
        yield* value;
        url = following(nextLink, endpoint, asked);
      }
    },
  };
}

/** The token goes where the link points, so it may point nowhere else than to ARM. */
function following(
  nextLink: unknown,
  endpoint: string,
  asked: ReadonlySet<string>,
): string | undefined {
  if (nextLink === undefined || nextLink === null || nextLink === '') return undefined;
  if (typeof nextLink !== 'string' || URL.parse(nextLink)?.origin !== new URL(endpoint).origin) {
    throw unusable(endpoint, 'the next page is said to be elsewhere');
  }
  if (asked.has(nextLink)) throw unusable(endpoint, 'a page names itself as the next one');
  return nextLink;
}

function unusable(endpoint: string, what: string): SnapshotError {
  return new SnapshotError('unreachable', `Cannot use an answer of ${endpoint}: ${what}`);
}

/** Kept until shortly before its end: some credentials start a program for every token. */
function tokens({ endpoint, credential, clock }: ArmOptions) {
  let kept: { readonly token: string; readonly expiresOnTimestamp: number } | undefined;
  return async (signal: AbortSignal | undefined): Promise<string> => {
    const aliveAt = clock.now().getTime() + TOKEN_MARGIN_MS;
    if (kept === undefined || kept.expiresOnTimestamp < aliveAt) {
      const options = { ...(signal && { abortSignal: signal }) };
      kept = (await credential.getToken(`${endpoint}/.default`, options)) ?? undefined;
      if (kept === undefined) {
        throw new SnapshotError('denied', `Cannot sign in to ${endpoint}: no identity was found`);
      }
    }
    return kept.token;
  };
}

async function fetchJson(
  url: string,
  token: string,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const silence = AbortSignal.timeout(SILENCE_MS);
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
    // A redirect would carry the token to wherever it points.
    redirect: 'error',
    signal: signal === undefined ? silence : AbortSignal.any([signal, silence]),
  });
  const text = await boundedText(response, url);
  const body = parsed(text);
  if (response.status === 200 && body !== undefined) return body;
  const error = translateArmAnswer(response.status, response.headers, body, new URL(url));
  if (error !== undefined) throw error;
  return undefined;
}

async function boundedText(response: Response, url: string): Promise<string> {
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const piece of response.body ?? []) {
    sizeBytes += piece.byteLength;
    if (sizeBytes > ANSWER_SIZE_BYTES_MAX) throw unusable(new URL(url).origin, 'it does not end');
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
