/** All damaged twins, for the tests of verification, the demo and the comparison with Kopia. */
import type { Damage } from './damage.ts';
import { ECC_DAMAGES } from './ecc-damages.ts';
import { HOSTILE_CONTENTS } from './hostile-contents.ts';
import { HOSTILE_INDEXES } from './hostile-indexes.ts';
import { HOSTILE_TREES } from './hostile-trees.ts';
import { INDEX_DAMAGES } from './index-damages.ts';
import { PACK_DAMAGES } from './pack-damages.ts';
import { SETTINGS_DAMAGES } from './settings-damages.ts';

export const DAMAGES: readonly Damage[] = [
  ...PACK_DAMAGES,
  ...INDEX_DAMAGES,
  ...SETTINGS_DAMAGES,
  ...ECC_DAMAGES,
  ...HOSTILE_CONTENTS,
  ...HOSTILE_TREES,
  ...HOSTILE_INDEXES,
];
