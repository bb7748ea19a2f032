/** All damaged twins of the real Velero root, for the tests of verification and for the demo. */
import { ARTEFACT_DAMAGES } from './artefact-damages.ts';
import type { VeleroDamage } from './damage.ts';
import { ROOT_DAMAGES } from './root-damages.ts';
import { STATUS_DAMAGES } from './status-damages.ts';
import { TARBALL_DAMAGES } from './tarball-damages.ts';

export const VELERO_DAMAGES: readonly VeleroDamage[] = [
  ...ROOT_DAMAGES,
  ...ARTEFACT_DAMAGES,
  ...TARBALL_DAMAGES,
  ...STATUS_DAMAGES,
];
