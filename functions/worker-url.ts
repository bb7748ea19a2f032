/**
 * The file that worker threads run: beside the bundle, or from the sources of a
 * clone. Whoever imports this is loaded when it is needed, and so lies in the bundle's chunks/.
 */
export function workerUrl(): URL {
  return import.meta.url.endsWith('.ts')
    ? new URL('../shared/kopia/contents/worker.ts', import.meta.url)
    : new URL('../kopia-worker.mjs', import.meta.url);
}
