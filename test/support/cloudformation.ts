/** As much of a CloudFormation template as the tests of our own look at. */
export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
}

export interface Resource {
  readonly Type: string;
  readonly Properties: Properties;
}

export type Properties = Readonly<Record<string, unknown>>;

export interface Statement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal?: unknown;
  readonly Action: string | readonly string[];
  readonly Resource?: unknown;
  readonly Condition?: Readonly<Record<string, Properties>>;
}

/** The resources of a type, by logical name. */
export function ofType(template: Template, type: string): [string, Properties][] {
  return Object.entries(template.Resources)
    .filter(([, resource]) => resource.Type === type)
    .map(([name, resource]) => [name, resource.Properties]);
}

/** A property at the end of `path`, through objects and lists. */
export function at(from: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((value, step) => (value as Properties | undefined)?.[step], from);
}

/** What a role may do, all of its inline policies together. */
export function statementsOf(role: Properties): Statement[] {
  const policies = (at(role, 'Policies') ?? []) as Properties[];
  return policies.flatMap((policy) => at(policy, 'PolicyDocument', 'Statement') as Statement[]);
}

export function actionsOf(statement: Statement): readonly string[] {
  return typeof statement.Action === 'string' ? [statement.Action] : statement.Action;
}

/** The logical name behind `Ref` and `GetAtt`; the text itself where it is one. */
export function nameOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const name = at(value, 'Ref') ?? at(value, 'Fn::GetAtt', 0) ?? at(value, 'Fn::Sub');
  if (typeof name !== 'string') throw new Error(`not a reference: ${JSON.stringify(value)}`);
  return name;
}

export function list(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
