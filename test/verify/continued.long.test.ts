import { test } from 'vitest';
import { checkKills } from './kills.ts';

test('killed after any write to the ledger, the next run finds the same', () => checkKills(1));
