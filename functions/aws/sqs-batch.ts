import { errorFields } from '../invocation.ts';

/** What SQS hands to a function, as far as it is used. */
export interface SqsEvent {
  readonly Records: readonly { readonly messageId: string; readonly body: string }[];
}

/** The answer of a mapping with ReportBatchItemFailures: what is named comes again. */
export interface BatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

/** Works on one message after the other; one that fails takes no other one along. */
export async function eachRecord(
  { Records }: SqsEvent,
  work: (body: string) => Promise<unknown>,
): Promise<BatchResponse> {
  const batchItemFailures: { itemIdentifier: string }[] = [];
  for (const { messageId, body } of Records) {
    try {
      await work(body);
    } catch (error) {
      console.error(
        JSON.stringify({ message: 'message failed', messageId, ...errorFields(error) }),
      );
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures };
}
