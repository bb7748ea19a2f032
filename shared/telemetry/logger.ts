export const LOG_LEVELS = ['debug', 'info', 'warning', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Values that go into a log line. Secrets are not among them: nobody passes one here (S9). */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** A log line is a constant message plus fields, so that lines can be counted and filtered. */
export interface Logger {
  log(level: LogLevel, message: string, fields?: LogFields): void;
}

/** One JSON object a line, as CloudWatch and Application Insights take it apart by themselves. */
export function jsonLogger(write: (line: string) => void, now: () => Date): Logger {
  return {
    log: (level, message, fields) =>
      write(JSON.stringify({ time: now().toISOString(), level, message, ...fields })),
  };
}

/** Passes on what is at least as important as `floor`: a first copy has a debug line per object. */
export function atLeast(floor: LogLevel, logger: Logger): Logger {
  const lowest = LOG_LEVELS.indexOf(floor);
  return {
    log(level, message, fields) {
      if (LOG_LEVELS.indexOf(level) >= lowest) logger.log(level, message, fields);
    },
  };
}
