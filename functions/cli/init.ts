import { Command } from 'commander';
import { CONFIG_FILE } from '../../shared/config/config.ts';
import type { CliContext } from './context.ts';
import type { GlobalOptions } from './options.ts';

export interface InitOptions extends GlobalOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace: string;
  readonly from?: string;
  readonly force?: boolean;
  readonly stdout?: boolean;
}

const EXAMPLES = `
Examples:
  drydock init                                        from the current context's Velero
  drydock init --context prod --namespace velero
  drydock init --from s3://acme-backups               from what lies in a bucket
  drydock init --from azblob://acmebackups/velero -   print the draft
`;

/** `drydock init`: a first configuration, from a cluster or from a bucket alone. */
export function initCommand(context: CliContext): Command {
  return new Command('init')
    .description('draft drydock.yaml from a cluster or a bucket')
    .argument('[file]', `file to write, "-" for stdout (default: --config, else ${CONFIG_FILE})`)
    .option('--kubeconfig <file>', 'kubeconfig to use (default: as kubectl finds it)')
    .option('--context <name>', 'context of the kubeconfig (default: the current one)')
    .option('--namespace <name>', "Velero's namespace", 'velero')
    .option('--from <url>', 'look into this bucket, container or folder instead of a cluster')
    .option('--force', 'overwrite a file that exists')
    .option('--stdout', 'print the draft instead of writing it')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string | undefined, _: unknown, self: Command) => {
      const { init } = await import('./init-run.ts');
      await init(file, self.optsWithGlobals<InitOptions>(), context);
    });
}
