import { test } from 'vitest';
import { checkKills } from './velero-root.ts';

test('killed after any write, shows only whole backups, and the next run finishes', () =>
  checkKills(1));
