/** Counts what a run costs. Names are constant and dotted; values are added up. */
export interface Meter {
  add(name: string, value: number): void;
}

/** A meter that keeps its totals in memory, for reports and tests. */
export interface TotalsMeter extends Meter {
  total(name: string): number;
  totals(): Readonly<Record<string, number>>;
}

export function totalsMeter(): TotalsMeter {
  const totals = new Map<string, number>();
  return {
    add: (name, value) => void totals.set(name, (totals.get(name) ?? 0) + value),
    total: (name) => totals.get(name) ?? 0,
    totals: () => Object.fromEntries([...totals].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}
