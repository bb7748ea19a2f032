import type { FindingKind } from './finding.ts';

/** What a check of Drydock's own evidence can find. */
export const EVIDENCE_FINDINGS = {
  EVIDENCE_ABSENT: {
    severity: 'error',
    title: 'There is no evidence',
    meaning: 'The state holds no chain of evidence that was asked for',
    why: 'Nothing can be said of what was proven: no run has kept evidence there yet, or all of it was removed at once',
    fix: 'Check --state, --job and --location; where runs did keep evidence, look for older versions of the objects below "evidence/" in the state',
  },
  EVIDENCE_BROKEN: {
    severity: 'critical',
    title: 'A chain of evidence was altered',
    meaning:
      'A chain of evidence is not what was written: records are altered, missing, foreign, wrongly signed, or do not follow each other; the evidence names each object',
    why: 'What the chain says was proven cannot be relied on from the first problem on; somebody has changed the state, or the store has lost objects',
    fix: 'Restore the objects named in the evidence from older versions of them, and find out in the access log of the store who changed them',
  },
  EVIDENCE_CLOCK: {
    severity: 'warning',
    title: 'The clock of a record was wrong',
    meaning:
      'The time of a record is more than a minute before that of the record it follows, or in the future',
    why: 'A clock of a machine that runs Drydock was wrong, and so is how old the evidence says that things are',
    fix: 'Set the clocks of these machines by NTP; records that were written stay as they are',
  },
  EVIDENCE_SIGNATURE_UNCHECKED: {
    severity: 'info',
    title: 'Signatures were not checked',
    meaning: 'Records are signed, and no key was given to check the signatures with',
    why: 'The hashes alone find accidents and single changes, not somebody who wrote the whole chain anew',
    fix: 'Run "drydock evidence verify --public-key <file>" with the key of whoever signs',
  },
} as const satisfies Readonly<Record<string, FindingKind>>;
