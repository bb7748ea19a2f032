/**
 * The port to a Kubernetes API server. Failures are `KubernetesError`s, except cancellation: an
 * aborted `signal` rejects with the signal's reason.
 */

export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** A kind of object as the API addresses it. `group` is empty for the core group. */
export interface ResourceType {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
}

/**
 * An object as the server sent it: untrusted JSON, of which only `metadata` was looked at. Items
 * of a list lack `apiVersion` and `kind` where the server leaves them out (its built-in types).
 */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMetadata;
  readonly [field: string]: unknown;
}

export interface ObjectMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly [field: string]: unknown;
}

export interface ObjectName {
  readonly name: string;
  /** Left out for objects that belong to no namespace. */
  readonly namespace?: string;
}

export interface ListOptions extends CallOptions {
  /** One namespace; left out for all of them, and for objects that belong to none. */
  readonly namespace?: string;
  /** As `kubectl -l` takes it. */
  readonly labelSelector?: string;
  /** As `kubectl --field-selector` takes it. */
  readonly fieldSelector?: string;
}

/** What a list was, once it has been read to its end. */
export interface ListEnd {
  /** Where a watch goes on; empty for an API that cannot be watched. */
  readonly resourceVersion: string;
  /** How often it had to begin again because its snapshot expired (410). */
  readonly restarts: number;
}

export interface WatchOptions extends ListOptions {
  /** Of the list or event after which the watch begins. */
  readonly resourceVersion: string;
}

export type WatchEvent =
  | { readonly type: 'added' | 'modified' | 'deleted'; readonly object: KubernetesObject }
  /** Nothing changed up to here: a later watch may go on from this resource version. */
  | { readonly type: 'bookmark'; readonly resourceVersion: string };

export interface ApplyOptions extends CallOptions {
  /** Takes fields over that another manager owns; without it that is a `conflict`. */
  readonly force?: boolean;
}

export interface DeleteOptions extends CallOptions {
  /** Deletes only this very object; another one of the same name is a `conflict`. */
  readonly uid?: string;
}

export interface KubernetesApi {
  /** For messages: where the connection came from and which server it leads to. */
  readonly source: string;
  /** Throws `not_found` only when the object is proven absent. */
  get(type: ResourceType, name: ObjectName, options?: CallOptions): Promise<KubernetesObject>;
  /**
   * Yields the collection page by page, each object as it arrives; throws rather than end early.
   * When its snapshot expires the list begins again: what is unchanged is not yielded twice, a
   * changed object comes again, and one that was deleted meanwhile may have been yielded
   * (`restarts` above 0 tells that this is possible).
   */
  list(type: ResourceType, options?: ListOptions): AsyncGenerator<KubernetesObject, ListEnd, void>;
  /**
   * Yields changes until the signal aborts it, over as many connections as that takes: servers end
   * a watch every few minutes, and a silent one is opened anew. Throws `gone` when events were
   * lost: the caller lists again.
   */
  watch(type: ResourceType, options: WatchOptions): AsyncGenerator<WatchEvent, never, void>;
  /** Server-side apply of `object`, which names itself; answers with what is there now. */
  apply(
    type: ResourceType,
    object: KubernetesObject & { readonly apiVersion: string; readonly kind: string },
    options?: ApplyOptions,
  ): Promise<KubernetesObject>;
  /** What belongs to the object is deleted behind it. Absent is `not_found`. */
  remove(type: ResourceType, name: ObjectName, options?: DeleteOptions): Promise<void>;
  /** Ends every connection. */
  close(): void;
}
