import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import type { LeaseOwner } from '../shared/ledger/lease.ts';

/** This process as the holder of a lease. */
export function leaseOwner(env: Readonly<Record<string, string | undefined>>): LeaseOwner {
  const cloud = env['AWS_LAMBDA_FUNCTION_NAME'] ?? env['WEBSITE_SITE_NAME'];
  const name = cloud ?? `${userName()}@${hostname()} (process ${process.pid})`;
  return { name, host: hostId() ?? hostname(), processId: process.pid };
}

/**
 * Whether the holder's process still runs; `undefined` unless it was surely started where this one
 * can see it. A number that was given to another process meanwhile counts as running: then the
 * lease is waited for.
 */
export function isRunning(owner: LeaseOwner): boolean | undefined {
  if (owner.host !== hostId()) return undefined;
  try {
    process.kill(owner.processId, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

/**
 * Names of hosts repeat between containers, so that only the running kernel together with the
 * namespace of process ids says where a process id means something. Known on Linux alone.
 */
function hostId(): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${hostname()} ${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return undefined;
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under an id that no account has.
    return 'unknown';
  }
}
