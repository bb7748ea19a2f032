import type { Logger } from '../../shared/telemetry/logger.ts';

/** For tests that do not look at what is logged. */
export const silentLogger: Logger = { log: () => undefined };
