import { QueueClient, StorageSharedKeyCredential } from '@azure/storage-queue';
import { EMULATOR_ACCOUNT, EMULATOR_KEY, startEmulator } from './azurite.ts';

export interface AzuriteQueues {
  readonly endpoint: string;
  /** A client that asks once; `endpoint` leads it elsewhere, `accountKey` is the right one. */
  queue(name: string, options?: { endpoint?: string; accountKey?: string }): QueueClient;
  close(): Promise<void>;
}

/** Microsoft's emulator of Storage queues. */
export async function startAzuriteQueues(): Promise<AzuriteQueues> {
  const { origin, close } = await startEmulator('queue');
  const endpoint = `${origin}/${EMULATOR_ACCOUNT}`;
  return {
    endpoint,
    queue: (name, other = {}) =>
      new QueueClient(
        `${other.endpoint ?? endpoint}/${name}`,
        new StorageSharedKeyCredential(EMULATOR_ACCOUNT, other.accountKey ?? EMULATOR_KEY),
        { retryOptions: { maxTries: 1 } },
      ),
    close,
  };
}

/** The texts that can be received from a queue now, each removed from it. */
export async function takeTexts(queue: QueueClient): Promise<string[]> {
  const { receivedMessageItems: items } = await queue.receiveMessages({ numberOfMessages: 32 });
  for (const { messageId, popReceipt } of items) await queue.deleteMessage(messageId, popReceipt);
  return items.map(({ messageText }) => messageText);
}
