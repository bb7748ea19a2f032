import {
  DescribeSnapshotsCommand,
  type DescribeSnapshotsCommandInput,
  type EC2Client,
  type EC2ClientConfig,
  type Snapshot,
} from '@aws-sdk/client-ec2';
import { forEachLimited } from '../model/limited.ts';
import type { Ask } from './asking.ts';
import { ec2Facts, translateEc2Error } from './ec2-errors.ts';
import { ebsFacts, parseEbsReference } from './ec2-facts.ts';
import { ebsLocks } from './ec2-locks.ts';
import { ec2Pages } from './ec2-pages.ts';
import {
  SnapshotError,
  type SnapshotErrorCode,
  shownReference,
  unchecked,
} from './snapshot-error.ts';
import type {
  LookUpOptions,
  SnapshotAnswer,
  SnapshotWitness,
  WitnessOptions,
} from './snapshot-witness.ts';

export interface Ec2WitnessOptions {
  /** Built with `EC2_CLIENT_SETTINGS`, for `region`. */
  readonly client: EC2Client;
  readonly region: string;
  readonly ask: Ask;
  /** The account in which the snapshots are; without it that of the credentials is taken for it. */
  readonly account?: {
    readonly id: string;
    /** The account of the credentials (`sts:GetCallerIdentity`); asked when something is absent. */
    readonly ofCaller: (options: WitnessOptions) => Promise<string>;
  };
}

/** What the witness expects of its client: it is asked once (`asking` repeats). */
export const EC2_CLIENT_SETTINGS = { maxAttempts: 1 } as const satisfies EC2ClientConfig;

/** Ids per request. EC2 allows more by id; its bound for values of a filter keeps answers small. */
const IDS_PER_REQUEST = 200;
/** The most that `DescribeSnapshots` gives in one page. */
const PAGE_MAX = 1000;
const CONCURRENCY = 4;

/** EBS snapshots of one account and region, by `DescribeSnapshots`; locks are asked for apart. */
export function ec2SnapshotWitness(options: Ec2WitnessOptions): SnapshotWitness {
  const place = `AWS ${options.region}`;
  const describe = pages(options, place);
  return {
    place,
    lookUp: (references, call = {}) => lookUp(references, options, place, describe, call),
    async *listTagged(tagKeys, call = {}) {
      if (tagKeys.length === 0) return;
      // In filters `*` and `?` are wildcards.
      const Values = tagKeys.map((key) => key.replace(/[\\*?]/g, '\\$&'));
      const input = {
        OwnerIds: ['self'],
        Filters: [{ Name: 'tag-key', Values }],
        MaxResults: PAGE_MAX,
      };
      const seen = new Set<string>();
      for await (const snapshot of describe(input, call)) {
        const id = snapshot.SnapshotId;
        if (id === undefined || seen.has(id)) continue;
        seen.add(id);
        yield ebsFacts(id, snapshot, options.region);
      }
    },
  };
}

type Describe = (
  input: DescribeSnapshotsCommandInput,
  options: WitnessOptions,
) => AsyncGenerator<Snapshot>;

/** All pages of one question. What EC2 says of unknown ids is thrown as it came. */
function pages({ client, ask }: Ec2WitnessOptions, place: string): Describe {
  return (input, { signal }) =>
    ec2Pages({
      place,
      ask,
      signal,
      isAnswer: (error) => input.SnapshotIds !== undefined && unknownId(error) !== undefined,
      page: async (NextToken) => {
        const command = new DescribeSnapshotsCommand({ ...input, ...(NextToken && { NextToken }) });
        const answer = await client.send(command, { ...(signal && { abortSignal: signal }) });
        return { items: answer.Snapshots, nextToken: answer.NextToken };
      },
    });
}

/** How EC2 refuses a whole batch because of one id in it, and what that says of the id. */
function unknownId(error: unknown): SnapshotAnswer | undefined {
  const { name, message } = ec2Facts(error);
  if (name === 'InvalidSnapshot.NotFound') return { outcome: 'absent' };
  if (name !== 'InvalidSnapshotID.Malformed') return undefined;
  return unchecked(new SnapshotError('invalid', `Cannot look up an id: ${message}`));
}

async function lookUp(
  references: readonly string[],
  options: Ec2WitnessOptions,
  place: string,
  describe: Describe,
  call: LookUpOptions,
): Promise<ReadonlyMap<string, SnapshotAnswer>> {
  const byId = new Map<string, SnapshotAnswer>();
  const idOf = new Map<string, string>();
  const answers = new Map<string, SnapshotAnswer>();
  for (const reference of references) {
    const known = parseEbsReference(reference);
    const refused = refusal(reference, known, options);
    if (refused !== undefined) answers.set(reference, refused);
    else if (known !== undefined) idOf.set(reference, known.id);
  }

  const batches = inBatches([...new Set(idOf.values())]);
  const limits = { concurrency: CONCURRENCY, weightMax: CONCURRENCY };
  await forEachLimited(
    batches,
    limits,
    () => 1,
    async (batch) => {
      await settle(batch, describe, options.region, call, byId);
    },
  );

  if (call.locks === true) await addLocks(byId, options, place, call);
  const doubt = await doubtOfAbsence([...byId.values()], options, place, call);
  for (const [reference, id] of idOf) {
    const answer = byId.get(id) ?? hidden(id);
    answers.set(reference, answer.outcome === 'absent' ? (doubt ?? answer) : answer);
  }
  return answers;
}

async function addLocks(
  byId: Map<string, SnapshotAnswer>,
  options: Ec2WitnessOptions,
  place: string,
  call: WitnessOptions,
): Promise<void> {
  const found = [...byId].filter(([, { outcome }]) => outcome === 'found');
  if (found.length === 0) return;
  const locks = await ebsLocks(options, place, call);
  for (const [id, answer] of found) {
    if (answer.outcome !== 'found') continue;
    const lock = locks === undefined ? 'unknown' : (locks.get(id) ?? 'none');
    byId.set(id, { outcome: 'found', facts: { ...answer.facts, lock } });
  }
}

function refusal(
  reference: string,
  known: ReturnType<typeof parseEbsReference>,
  { region, account }: Ec2WitnessOptions,
): SnapshotAnswer | undefined {
  const refused = (code: SnapshotErrorCode, what: string) =>
    unchecked(new SnapshotError(code, `Cannot look up ${shownReference(reference)}: ${what}`));
  if (known === undefined) return refused('invalid', 'it is no id of an EBS snapshot');
  if (known.region !== undefined && known.region !== region) {
    return refused('other_region', `it is in ${known.region}, not in ${region}`);
  }
  if (account !== undefined && known.account !== undefined && known.account !== account.id) {
    return refused('other_account', `it is not in the account ${account.id}`);
  }
  return undefined;
}

/**
 * Asks for `ids` at once. An unknown one makes EC2 refuse them all and name one: it is taken out;
 * where none is named, as by moto, the batch is halved. What fails otherwise is unchecked.
 */
async function settle(
  ids: readonly string[],
  describe: Describe,
  region: string,
  call: WitnessOptions,
  byId: Map<string, SnapshotAnswer>,
): Promise<void> {
  let open = ids;
  while (open.length > 0) {
    try {
      for await (const snapshot of describe({ SnapshotIds: [...open] }, call)) {
        const id = snapshot.SnapshotId ?? '';
        byId.set(id, { outcome: 'found', facts: ebsFacts(id, snapshot, region) });
      }
      return;
    } catch (error) {
      const answer = unknownId(error);
      if (answer === undefined) {
        const failed = unchecked(error);
        for (const id of open) if (!byId.has(id)) byId.set(id, failed);
        return;
      }
      const { message } = ec2Facts(error);
      const named = open.length === 1 ? open : open.filter((id) => idsIn(message).includes(id));
      for (const id of named) byId.set(id, answer);
      const rest = open.filter((id) => !named.includes(id));
      if (named.length > 0) {
        open = rest;
      } else {
        const half = Math.ceil(rest.length / 2);
        await settle(rest.slice(0, half), describe, region, call, byId);
        open = rest.slice(half);
      }
    }
  }
}

/** Whole ids: an old id of 8 digits may be the beginning of one of 17. */
function idsIn(message: string): readonly string[] {
  return message.match(/snap-[0-9a-f]+/g) ?? [];
}

/**
 * With credentials of another account everything looks absent. So the account is looked at before
 * anything is called absent, and only then.
 */
async function doubtOfAbsence(
  answers: readonly SnapshotAnswer[],
  { account, ask }: Ec2WitnessOptions,
  place: string,
  call: WitnessOptions,
): Promise<SnapshotAnswer | undefined> {
  const none = answers.every(({ outcome }) => outcome !== 'absent');
  if (account === undefined || none) return undefined;
  try {
    const caller = await ask(
      () =>
        account.ofCaller(call).catch((error: unknown) => {
          throw translateEc2Error(error, place, call.signal);
        }),
      call.signal,
    );
    if (caller === account.id) return undefined;
    const message = `Cannot tell what is absent in the account ${account.id}: asked as ${caller}`;
    return unchecked(new SnapshotError('other_account', message));
  } catch (error) {
    return unchecked(error);
  }
}

/** Documented: of an id to which the caller has no access EC2 says nothing. */
function hidden(id: string): SnapshotAnswer {
  const message = `Cannot look up "${id}": EC2 does not show it to this identity`;
  return unchecked(new SnapshotError('denied', message));
}

function inBatches(ids: readonly string[]): string[][] {
  const count = Math.ceil(ids.length / IDS_PER_REQUEST);
  return Array.from({ length: count }, (_, at) =>
    ids.slice(at * IDS_PER_REQUEST, (at + 1) * IDS_PER_REQUEST),
  );
}
