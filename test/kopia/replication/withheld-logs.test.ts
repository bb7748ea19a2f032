import { expect, test } from 'vitest';
import { withheldLogs } from '../../../shared/kopia/replication/withheld-logs.ts';
import { entry } from '../indexes/loaded.ts';
import { beforeEpochs, decoded, epochs, m, n } from './listings.ts';

const [older, deletion, compacted, log] = [n('older'), n('deletion'), n('compacted'), m('log')];
const blobs = {
  [older]: [entry(1), entry(2)],
  [deletion]: [entry(1, { deleted: true, timeSeconds: 2000 })],
  [compacted]: [entry(2)],
};

test('a log that hides the deletion is withheld while the target has what it deleted', () => {
  // The log that hid the older index came and went between two runs.
  const logs = { [log]: { inputs: [deletion], outputs: [compacted] } };
  const source = beforeEpochs([deletion, compacted, log], logs);
  const target = beforeEpochs([older, deletion]);
  expect(withheldLogs(source, target, decoded(blobs))).toEqual(new Set([log]));
});

test('a log that hides both is published, and so is one where the older index is gone', () => {
  const logs = { [log]: { inputs: [older, deletion], outputs: [compacted] } };
  const source = beforeEpochs([older, deletion, compacted, log], logs);
  for (const present of [[older, deletion], [deletion], []]) {
    expect(withheldLogs(source, beforeEpochs(present), decoded(blobs))).toEqual(new Set());
  }
});

test('a log waits while the target shows what the source does not, even where it hides nothing of it', () => {
  const logs = { [log]: { inputs: [deletion], outputs: [compacted] } };
  const source = beforeEpochs([compacted, log], logs);
  const shown = { ...blobs, [n('shown')]: [entry(3)] };
  const target = beforeEpochs([n('shown')]);
  expect(withheldLogs(source, target, decoded(shown))).toEqual(new Set([log]));
});

test('repositories with epochs have no such logs', () => {
  expect(withheldLogs(epochs('xe1'), epochs(), decoded({}))).toEqual(new Set());
});
