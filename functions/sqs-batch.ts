import { errorFields } from './invocation.ts';

/** What SQS hands to a function, as far as it is used. */
export interface SqsEvent {
  readonly Records: readonly { readonly messageId: string; readonly body: string }[];
}

/** The answer of a mapping with ReportBatchItemFailures: what is named comes again. */
export interface BatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

/**
 * Works on one message after the other; one that fails takes no other one along.
 * @throws what the first message threw, when all of them failed: that counts as an error of the
 *   function and calls somebody at once, and all of them come again
 */
export async function eachRecord(
  { Records }: SqsEvent,
  work: (body: string) => Promise<unknown>,
): Promise<BatchResponse> {
  const failures: { readonly itemIdentifier: string; readonly error: unknown }[] = [];
  for (const { messageId, body } of Records) {
    await work(body).catch((error: unknown) => {
      console.error(
        JSON.stringify({ message: 'message failed', messageId, ...errorFields(error) }),
      );
      failures.push({ itemIdentifier: messageId, error });
    });
  }
  const [first] = failures;
  if (first !== undefined && failures.length === Records.length) throw first.error;
  return { batchItemFailures: failures.map(({ itemIdentifier }) => ({ itemIdentifier })) };
}
