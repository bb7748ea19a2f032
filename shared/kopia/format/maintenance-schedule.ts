/** One run of one task. */
export interface MaintenanceRun {
  readonly start: Date;
  readonly end: Date;
  readonly success: boolean;
  /** In Kopia's words, where it failed. */
  readonly error?: string;
}

/**
 * What `kopia.maintenance` says: when maintenance is due, and what ran, newest first per task (50
 * at most). Source: Kopia v0.23.1, repo/maintenance.
 */
export interface MaintenanceSchedule {
  readonly nextFullMaintenance?: Date;
  readonly nextQuickMaintenance?: Date;
  readonly runs: ReadonlyMap<string, readonly MaintenanceRun[]>;
}
