/**
 * The port to a queue of work: SQS with Lambda, Storage queues with Functions, and one in process.
 * Delivery is at least once and in no order, so that a message only says what to look at. Receiving
 * is the platform's affair: it calls a function with each message.
 */
export interface WorkQueue {
  /** For messages: the URL of the queue without credentials. */
  readonly url: string;
  /**
   * Hands a message over; it is kept when this resolves.
   * @throws QueueError
   */
  send(message: WorkMessage, options?: SendOptions): Promise<void>;
}

export interface SendOptions {
  readonly signal?: AbortSignal;
  /** Not delivered before; at most 15 minutes (the limit of SQS). */
  readonly delayMs?: number;
}

/** One shard of a job, as it travels. Its JSON form is `drydock/shard/v1`. */
export interface WorkMessage {
  readonly schema: 'drydock/shard/v1';
  readonly job: 'verify';
  /** The run that it is part of: the same in every continuation. */
  readonly runId: string;
  /** Name of the location in the configuration. */
  readonly location: string;
  /** Of an event: this backup alone is looked at afresh. */
  readonly backup?: string;
  /** How often the shard was continued because its time was up; from 0. */
  readonly continuation: number;
}
