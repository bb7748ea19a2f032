import type { Config } from '../../shared/config/config.ts';
import { locationName } from '../../shared/config/location.ts';
import { DrydockError } from '../../shared/model/errors.ts';
import { type ReplicateRun, runOfRoute, selectRoutes } from '../wiring.ts';
import type { CliContext } from './context.ts';
import { placeNamed } from './place.ts';
import type { ReplicateOptions } from './replicate.ts';
import { stateFor } from './state.ts';

/** What the command line asks for: one pair of locations, one route, or every route. */
export function runsFor(
  source: string | undefined,
  target: string | undefined,
  config: Config | undefined,
  options: ReplicateOptions,
  env: CliContext['env'],
): readonly ReplicateRun[] {
  const chosen = stateFor(options.state, config, env);
  const common = {
    ...chosen,
    dryRun: options.dryRun === true,
    ...(options.concurrency !== undefined && { concurrency: options.concurrency }),
  };
  if (source !== undefined) return [pairRun(source, target, config, options, common)];
  if (options.layout !== undefined) {
    throw usage('LAYOUT_OF_ROUTE', 'Cannot use --layout with routes', {
      hint: 'Set "layout:" of the locations in the configuration',
    });
  }
  if (config === undefined) return [];
  const names = options.route === undefined ? undefined : [options.route];
  return selectRoutes(config, names).map((route) => ({
    ...runOfRoute(route, config, { dryRun: common.dryRun, localState: chosen.state }),
    ...common,
  }));
}

type Common = Pick<ReplicateRun, 'state' | 'stateIsLocal' | 'dryRun' | 'concurrency'>;

function pairRun(
  sourceText: string,
  targetText: string | undefined,
  config: Config | undefined,
  options: ReplicateOptions,
  common: Common,
): ReplicateRun {
  if (options.route !== undefined) {
    throw usage('ROUTE_AND_PAIR', 'Cannot use --route together with a source and a target', {
      hint: 'Name either the route or the two locations',
    });
  }
  if (targetText === undefined) {
    throw usage('TARGET_MISSING', 'Cannot replicate: the target is missing', {
      hint: 'Run "drydock replicate <source> <target>", or name a route with --route',
    });
  }
  const source = placeNamed(sourceText, config);
  const target = placeNamed(targetText, config);
  const layouts = [source, target].flatMap(({ layout }) => layout ?? []);
  const layout = options.layout ?? layouts[0] ?? 'velero';
  if (layouts.some((known) => known !== layout)) {
    throw usage('LAYOUTS_DIFFER', `Cannot replicate: not both locations have layout ${layout}`, {
      hint: 'Give both locations the same layout',
    });
  }
  const name = `${locationName(source.location)} -> ${locationName(target.location)}`;
  return { name, layout, source, target, ...common };
}

function usage(code: string, message: string, options: { readonly hint: string }): DrydockError {
  return new DrydockError('usage', code, message, options);
}
