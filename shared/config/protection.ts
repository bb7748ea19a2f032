import { placeOf } from './access.ts';
import type { Application, ExpectedSchedule, Protection, VerifySettings } from './config.ts';
import { parseKeyReference } from './key-reference.ts';
import type { Named } from './parts.ts';
import { accessEntry } from './schema-parts.ts';
import type { ClassEntry, ProtectEntry, ScheduleEntry, VerifyEntry } from './schema-protect.ts';

/** What `protect` says; each application has what its class or `verify` says where it is silent. */
export function protectionOf(
  { applications, unprotected = [] }: ProtectEntry,
  classes: Named<ClassEntry>,
  rpoMs: number,
): Protection {
  const whole = applications?.map((entry): Application => {
    const own = classes.entries.get(entry.class ?? '');
    const rtoMs = entry.rto ?? own?.rto;
    return {
      name: entry.name,
      namespaces: entry.namespaces ?? [],
      labels: new Map(Object.entries(entry.labels ?? {})),
      ...(entry.class !== undefined && { class: entry.class }),
      rpoMs: entry.rpo ?? own?.rpo ?? rpoMs,
      ...(rtoMs !== undefined && { rtoMs }),
      ...(entry.locations !== undefined && { locations: entry.locations }),
    };
  });
  return { ...(whole !== undefined && { applications: whole }), unprotected };
}

/** What `verify` says; the schema has filled in the defaults. */
export function verifySettings(entry: VerifyEntry): VerifySettings {
  const { contentDays, proofDays, keepPoints, anomaly, allowRetrieval, witnessState } = entry;
  const signingKey =
    entry.signingKey === undefined ? undefined : parseKeyReference(entry.signingKey);
  return {
    rpoMs: entry.rpo,
    contentDays,
    proofDays,
    keepPoints,
    anomaly,
    schedules: (entry.schedules ?? []).map(expectedSchedule),
    allowRetrieval,
    ...(signingKey !== undefined && { signingKey }),
    ...(witnessState !== undefined && { witnessState: placeOf(accessEntry(witnessState)) }),
  };
}

function expectedSchedule({ name, location, cron, ttl: ttlMs }: ScheduleEntry): ExpectedSchedule {
  return { name, location, cron, ...(ttlMs !== undefined && { ttlMs }) };
}
