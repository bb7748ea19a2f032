/** What must hold of every look, whatever was read. */
import { expect } from 'vitest';
import { type Sight, URL } from './looks.ts';

/** No text of a stranger's carries control characters into a terminal. */
const CONTROLS = /\p{Cc}|\p{Cf}/u;

/** Facts survive the ledger, findings are about the backup, short, and fit for a terminal. */
export function checkTold({ facts, findings }: Sight): void {
  expect(JSON.parse(JSON.stringify(facts))).toStrictEqual(facts);
  const codes = findings.map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
  for (const { subject, message, hint, evidence } of findings) {
    expect(subject).toBe(`${URL}/backups/${facts.backup}`);
    const texts = [message, hint, ...Object.values(evidence ?? {}).flat()].map(String);
    expect(texts.filter((text) => CONTROLS.test(text))).toEqual([]);
    expect(texts.filter((text) => text.length > 1000)).toEqual([]);
    expect(message).not.toMatch(/\.$/);
    for (const list of Object.values(evidence ?? {})) {
      if (typeof list === 'object') expect(list.length).toBeLessThanOrEqual(20);
    }
  }
}
