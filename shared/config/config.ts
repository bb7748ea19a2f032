import type { Location } from './location.ts';
import type { SecretReference } from './secret.ts';

/** The file that is looked for when none is named. */
export const CONFIG_FILE = 'drydock.yaml';

/** Who Drydock is at a location; empty means the standard chain of the vendor's SDK. */
export interface Access {
  readonly roleArn?: string;
  readonly entra?: { readonly tenantId: string; readonly clientId: string };
  readonly accessKey?: { readonly id: SecretReference; readonly secret: SecretReference };
  readonly accountKey?: SecretReference;
}

export interface Place {
  readonly location: Location;
  readonly access: Access;
}

export interface NamedLocation extends Place {
  readonly name: string;
  readonly layout: 'velero' | 'kopia';
  /** Opens the Kopia repositories of the location. */
  readonly repositoryPassword?: SecretReference;
}

export interface Route {
  readonly name: string;
  readonly source: NamedLocation;
  readonly target: NamedLocation;
  readonly concurrency?: number;
}

/** A configuration whose parts fit each other: every name is resolved, every pair is whole. */
export interface Config {
  readonly state?: Place;
  readonly locations: ReadonlyMap<string, NamedLocation>;
  readonly routes: readonly Route[];
  readonly events?: { readonly bus: string; readonly region?: string };
}
