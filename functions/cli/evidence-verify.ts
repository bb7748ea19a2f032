import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Config, Place } from '../../shared/config/config.ts';
import { locationIdentity, locationName, parseLocationUrl } from '../../shared/config/location.ts';
import { type FoundChain, listChains } from '../../shared/ledger/evidence-chains.ts';
import { type ChainVerification, verifyChain } from '../../shared/ledger/evidence-verify.ts';
import { publicKeyVerifier, type Verifier } from '../../shared/ledger/signature.ts';
import { deadlineAt } from '../../shared/model/clock.ts';
import { DrydockError } from '../../shared/model/errors.ts';
import { type Finding, finding } from '../../shared/model/finding.ts';
import type { Report, Verdict } from '../../shared/model/report.ts';
import { metered } from '../../shared/stores/metered.ts';
import { readOnly } from '../../shared/stores/read-only.ts';
import { totalsMeter } from '../../shared/telemetry/meter.ts';
import { openStore } from '../stores.ts';
import { VERSION } from '../version.ts';
import { optionalConfig } from './config-file.ts';
import { type CliContext, cliLogger } from './context.ts';
import { evidenceText } from './evidence-text.ts';
import type { GlobalOptions } from './options.ts';
import { type ExitCode, exitCodeOfReport } from './outcome.ts';
import { placeNamed } from './place.ts';
import { cliProgress } from './progress.ts';
import { json } from './terminal.ts';

export interface EvidenceVerifyOptions extends GlobalOptions {
  readonly state?: string;
  readonly job?: string;
  readonly location?: string;
  readonly publicKey?: readonly string[];
}

/** What came of one folder of the state; without `result` nothing says whose chain it is. */
export interface CheckedChain {
  readonly found: FoundChain;
  readonly result: ChainVerification | undefined;
}

/** `drydock evidence verify`: is every chain what was once written. */
export async function verifyEvidence(
  options: EvidenceVerifyOptions,
  context: CliContext,
): Promise<ExitCode> {
  const { env, clock, signal, stdout, stderr } = context;
  const now = clock.now();
  const end = options.deadline === undefined ? undefined : now.getTime() + options.deadline;
  const deadline = deadlineAt(end === undefined ? undefined : new Date(end), clock);
  const config = await optionalConfig(options.config);
  const place = stateOf(options, config);
  const location =
    options.location === undefined
      ? undefined
      : locationIdentity(placeNamed(options.location, config).location);
  const trusted = await trustedKeys(options.publicKey);
  const progress = cliProgress(stderr, clock.now);
  const log = cliLogger(progress, context.errorColors);
  const meter = totalsMeter();
  const store = await openStore(place, { env, clock, log, signal });
  const state = readOnly(metered(store, meter, 'state'));
  const checked: CheckedChain[] = [];
  let isUnfinished = false;
  for await (const found of listChains(state, { signal })) {
    if (options.job !== undefined && found.job !== options.job) continue;
    // Whose chain it is may be part of the damage: then it is nobody's to leave out.
    const isOther = found.chain !== undefined && found.chain.location !== location;
    if (location !== undefined && isOther) continue;
    isUnfinished = deadline.remainingMs() === 0;
    if (isUnfinished) break;
    const { chain } = found;
    const result =
      chain && (await verifyChain(state, chain, { now, signal, ...(trusted && { trusted }) }));
    checked.push({ found, result });
  }
  const stateUrl = locationName(place.location);
  const findings = checked.flatMap((each) => findingsOf(stateUrl, each));
  const scope = {
    state: stateUrl,
    ...(options.job !== undefined && { job: options.job }),
    ...(location !== undefined && { location }),
  };
  if (checked.length === 0 && !isUnfinished) {
    const message = 'No chain of evidence was found, so nothing was checked';
    findings.push(finding('EVIDENCE_ABSENT', stateUrl, message));
  }
  const report: Report = {
    schema: 'drydock/report/v1',
    run: {
      job: 'evidence-verify',
      id: randomUUID(),
      version: VERSION,
      startedAt: now.toISOString(),
      finishedAt: clock.now().toISOString(),
      dryRun: false,
    },
    scope,
    verdicts: checked.map((each) => verdictOf(stateUrl, each, findings)),
    findings,
    actions: [],
    measures: {
      chains: checked.length,
      records: checked.reduce((sum, { result }) => sum + (result?.records ?? 0), 0),
      ...meter.totals(),
    },
    ...(isUnfinished && { unfinished: { reason: 'The deadline came before the last chain' } }),
  };
  const chains = checked.map(chainJson);
  if (options.output === 'json') stdout.write(`${json({ ...report, chains })}\n`);
  else stdout.write(evidenceText(report, checked, context.colors));
  return exitCodeOfReport(report, options.failOn);
}

/** Where evidence is kept. @throws DrydockError `STATE_MISSING` */
export function stateOf(
  { state: url }: Pick<EvidenceVerifyOptions, 'state'>,
  config: Config | undefined,
): Place {
  if (url !== undefined) return { location: parseLocationUrl(url), access: {} };
  if (config?.state !== undefined) return config.state;
  const message = 'Cannot find the evidence: neither --state nor the configuration names the state';
  throw new DrydockError('usage', 'STATE_MISSING', message, {
    hint: 'Run it with --state <URL>, or add "state:" to the configuration',
  });
}

async function trustedKeys(
  files: readonly string[] | undefined,
): Promise<readonly Verifier[] | undefined> {
  if (files === undefined) return undefined;
  return Promise.all(
    files.map(async (file) => {
      const pem = await readFile(file, 'utf8').catch((error: unknown) => {
        const code = error instanceof Error && 'code' in error ? ` (${error.code})` : '';
        const message = `Cannot read the public key "${file}"${code}`;
        const hint = 'Check the path given by --public-key';
        throw new DrydockError('usage', 'SIGNING_KEY_INVALID', message, { hint });
      });
      return publicKeyVerifier(pem);
    }),
  );
}

function subjectOf(stateUrl: string, { found }: CheckedChain): string {
  return `${stateUrl}/${found.folder.slice(0, -1)}`;
}

function findingsOf(stateUrl: string, checked: CheckedChain): Finding[] {
  const subject = subjectOf(stateUrl, checked);
  const { found, result } = checked;
  if (result === undefined) {
    const message = `Nothing in this chain of the job "${found.job}" says which location it is about`;
    return [finding('EVIDENCE_BROKEN', subject, message)];
  }
  const { chain, problems, problemCount, signatures } = result;
  const what = `The chain of the job "${chain.job}" about "${chain.location}"`;
  const [broken, clock] = [false, true].map((isClock) =>
    problems
      .filter(({ kind }) => (kind === 'clock') === isClock)
      .map(({ kind, key, message }) => `${kind}: "${key}" ${message}`),
  ) as [string[], string[]];
  const findings: Finding[] = [];
  if (broken.length > 0) {
    const message = `${what} is not what was written`;
    const evidence = { problems: broken, problemCount };
    findings.push(finding('EVIDENCE_BROKEN', subject, message, { evidence }));
  }
  if (clock.length > 0) {
    const message = `${what} has records whose times contradict each other`;
    findings.push(finding('EVIDENCE_CLOCK', subject, message, { evidence: { problems: clock } }));
  }
  if (signatures.unchecked > 0) {
    const message = `${what} has ${signatures.unchecked} signatures that were not checked`;
    findings.push(finding('EVIDENCE_SIGNATURE_UNCHECKED', subject, message));
  }
  return findings;
}

function verdictOf(stateUrl: string, checked: CheckedChain, findings: readonly Finding[]): Verdict {
  const subject = subjectOf(stateUrl, checked);
  const broken = findings.filter(
    (each) => each.subject === subject && each.code === 'EVIDENCE_BROKEN',
  );
  if (broken.length > 0) return { kind: 'damaged', subject, findings: broken };
  return { kind: 'verified', subject };
}

/** The report has no place for these facts; what the records say is not among them. */
function chainJson({ found, result }: CheckedChain): Record<string, unknown> {
  const { folder, job, chain } = found;
  if (result === undefined) return { folder, job };
  const { records, removed, last, signatures, problems, problemCount } = result;
  const location = chain?.location;
  return { folder, job, location, records, removed, last, signatures, problems, problemCount };
}
