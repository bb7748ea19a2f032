/**
 * A name as a word of a command that somebody may paste into a shell. Names in Kubernetes never
 * hold more than this; what a stranger put into a bucket may.
 */
export function commandWord(name: string, placeholder = '<name>'): string {
  return /^[a-zA-Z0-9][a-zA-Z0-9.-]{0,252}$/.test(name) ? name : placeholder;
}

/** The beginning of a command that looks at Velero's own namespace. */
export function kubectlIn(namespace: string): string {
  return `kubectl -n ${commandWord(namespace, '<namespace of Velero>')}`;
}
