import { Command } from 'commander';
import { CONFIG_FILE } from '../../shared/config/config.ts';
import type { CliContext } from './context.ts';
import type { GlobalOptions } from './options.ts';
import { count, json } from './terminal.ts';

const VALIDATE_EXAMPLES = `
Examples:
  drydock config validate
  drydock config validate --config prod/drydock.yaml --output json
`;

const SCHEMA_EXAMPLES = `
Examples:
  drydock config schema > drydock.schema.json
  # then, as the first line of drydock.yaml, for editors with the YAML language server:
  # yaml-language-server: $schema=./drydock.schema.json
`;

/** `drydock config`: what can be said about the configuration without touching any store. */
export function configCommand(context: CliContext): Command {
  const command = new Command('config').description('check the configuration file');
  command
    .command('validate')
    .description('read the configuration and tell everything that is wrong with it')
    .addHelpText('after', VALIDATE_EXAMPLES)
    .action(async (_options: unknown, self: Command) => {
      const { config: file, output } = self.optsWithGlobals<GlobalOptions>();
      const { requiredConfig } = await import('./config-file.ts');
      const { clusters, locations, protect, routes } = await requiredConfig(file);
      const name = file ?? CONFIG_FILE;
      const applications = protect?.applications?.length ?? 0;
      const counts = { locations: locations.size, routes: routes.length };
      const facts = { file: name, valid: true, ...counts, clusters: clusters.size, applications };
      const has = [
        count(locations.size, 'location'),
        ...(clusters.size > 0 ? [count(clusters.size, 'cluster')] : []),
        ...(applications > 0 ? [count(applications, 'application')] : []),
        count(routes.length, 'route'),
      ].join(', ');
      context.stdout.write(output === 'json' ? `${json(facts)}\n` : `${name} is valid: ${has}\n`);
    });
  command
    .command('schema')
    .description('print the JSON Schema that editors complete and check the file by')
    .addHelpText('after', SCHEMA_EXAMPLES)
    .action(async () => {
      const { configJsonSchema } = await import('../../shared/config/schema.ts');
      context.stdout.write(`${json(configJsonSchema())}\n`);
    });
  return command;
}
