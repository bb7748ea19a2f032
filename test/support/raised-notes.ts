/** Codes that the product has raised since the test file at hand began. */
export const raised = new Set<string>();

/** Of a finding as `render.ts` prints it, and of one in JSON. */
const PRINTED =
  /^(?:info|warning|error|critical) ([A-Z]+(?:_[A-Z0-9]+)+) |"code": ?"([A-Z_0-9]+)"/gm;

/** Notes what a process of its own printed: nobody could look into it while it ran. */
export function notePrinted(stdout: string): void {
  for (const [, text, json] of stdout.matchAll(PRINTED)) raised.add(text ?? json ?? '');
}
