import type { Config, NamedLocation, Place } from '../shared/config/config.ts';
import type { Deadline } from '../shared/model/clock.ts';
import type { Report } from '../shared/model/report.ts';
import type { Rung } from '../shared/model/rung.ts';
import type { RunContext } from './wiring.ts';

/** One verification, as a function or the command line asks for it. */
export interface VerifyRun {
  readonly config: Config;
  /** All of the configuration when absent; they need not be in it. */
  readonly locations?: readonly NamedLocation[];
  readonly state: Place;
  /** The state is a folder of this machine that nobody chose. */
  readonly stateIsLocal: boolean;
  /** Looks at this application alone. */
  readonly application?: string;
  /** Looks at backups that began after this alone. */
  readonly since?: Date;
  /** How far to go; `intact` by default. */
  readonly rung?: Exclude<Rung, 'restored'>;
  /** Looks afresh at this backup alone. */
  readonly backup?: string;
  /** Looks at locations of this cluster alone. */
  readonly cluster?: string;
  readonly dryRun: boolean;
  /** Reads packs of storage classes that charge for reading, whatever the configuration says. */
  readonly allowRetrieval?: boolean;
}

/**
 * `runVerify`: opens the readers and witnesses, runs the job, publishes what came out, and closes
 * every connection to a cluster.
 */
export type RunVerify = (
  run: VerifyRun,
  context: RunContext,
  now: Date,
  deadline: Deadline,
) => Promise<Report>;
