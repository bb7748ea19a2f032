import { createHash, randomUUID } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import { listening } from './fake-server.ts';

export interface FakeSqsMessage {
  readonly queueUrl: string;
  readonly body: string;
  readonly delaySeconds: number;
}

export interface FakeSqs {
  readonly url: string;
  /** What was sent, in that order. */
  readonly sent: readonly FakeSqsMessage[];
  close(): Promise<void>;
}

export const FAKE_SQS_ACCOUNT = '000000000000';

interface SendMessageInput {
  readonly QueueUrl: string;
  readonly MessageBody: string;
  readonly DelaySeconds?: number;
}

/**
 * As much of SQS as sending needs, for tests without moto: takes `SendMessage` of the JSON protocol
 * for the queues it is told, and answers the errors that SQS answers for others, and for credentials
 * whose key id is not `right`.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
 */
export async function startFakeSqs(queues: readonly string[], right: string): Promise<FakeSqs> {
  const sent: FakeSqsMessage[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const piece of request.setEncoding('utf8')) text += piece;
    const { authorization = '', 'x-amz-target': target } = request.headers;
    if (!authorization.includes(`Credential=${right}/`)) {
      return refuse(response, 403, 'com.amazon.coral.service#UnrecognizedClientException');
    }
    if (target !== 'AmazonSQS.SendMessage') {
      return refuse(response, 400, 'com.amazon.coral.service#UnknownOperationException');
    }
    const { QueueUrl, MessageBody, DelaySeconds = 0 } = JSON.parse(text) as SendMessageInput;
    const name = new URL(QueueUrl).pathname.split('/').at(-1) ?? '';
    if (!queues.includes(name)) {
      return refuse(response, 400, 'com.amazonaws.sqs#QueueDoesNotExist');
    }
    if (DelaySeconds > 900) return refuse(response, 400, 'com.amazonaws.sqs#InvalidParameterValue');
    sent.push({ queueUrl: QueueUrl, body: MessageBody, delaySeconds: DelaySeconds });
    const digest = createHash('md5').update(MessageBody).digest('hex');
    answer(response, 200, { MessageId: randomUUID(), MD5OfMessageBody: digest });
  });
  const { url, close } = await listening(server);
  return { url, sent, close };
}

function refuse(response: ServerResponse, status: number, type: string): void {
  answer(response, status, { __type: type, message: 'refused' });
}

function answer(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(JSON.stringify(value));
}
