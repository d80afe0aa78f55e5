import { randomUUID } from "node:crypto";
import { outOfRange, QueueError, serviceError } from "./problem";

/** A message as it is stored; times are milliseconds since the epoch. */
export interface Message {
  readonly id: string;
  readonly body: string;
  readonly sentAt: number;
  /** When it can next be received. */
  readonly visibleAt: number;
  readonly receiveCount: number;
  readonly firstReceivedAt?: number;
  /** The last receive: its time, and the part of the receipt handle that only it has. */
  readonly receivedAt?: number;
  readonly receipt?: string;
}

/** One change of a queue: fields of a message (all of them for a new one), or its end. Safe to replay. */
export type Change =
  | ({ readonly queue: string; readonly id: string } & Partial<Message>)
  | { readonly queue: string; readonly id: string; readonly gone: true };

export interface QueueSettings {
  readonly name: string;
  readonly visibilitySeconds: number;
  readonly retentionSeconds: number;
  readonly redrive?: { readonly deadLetterQueue: string; readonly maxReceiveCount: number };
}

export interface Received extends Message {
  readonly receiptHandle: string;
}

/** Counts as `GetQueueAttributes` gives them. */
export interface Counts {
  readonly visible: number;
  readonly notVisible: number;
  readonly delayed: number;
}

export type Queue = ReturnType<typeof createQueue>;

/** A message may stay in flight this long after it was received, however often that is extended. */
const maxVisibilitySeconds = 43_200;

const receiptHandleOf = (queue: string, message: { readonly id: string; readonly receipt?: string }): string =>
  Buffer.from(`${queue} ${message.id} ${message.receipt}`).toString("base64url");

const parseReceiptHandle = (queue: string, handle: string): { readonly id: string; readonly receipt: string } => {
  const match = /^(\S+) ([0-9a-f-]{36}) ([0-9a-f-]{36})$/.exec(Buffer.from(handle, "base64url").toString());
  if (match?.[1] !== queue || match[2] === undefined || match[3] === undefined) {
    throw new QueueError(
      "ReceiptHandleIsInvalid",
      `The input receipt handle "${handle.slice(0, 64)}" is not a valid receipt handle.`,
      404,
    );
  }
  return { id: match[2], receipt: match[3] };
};

/**
 * A standard queue in memory. Methods decide what changes and give the changes back; nothing changes before they are
 * passed to `apply`, so that the same changes can be written down and replayed.
 */
export const createQueue = (settings: QueueSettings) => {
  const messages = new Map<string, Message>();
  const { name, redrive } = settings;

  const isInFlight = (message: Message, now: number): boolean => message.receiveCount > 0 && message.visibleAt > now;

  return {
    settings,

    apply(change: Change): void {
      if ("gone" in change) {
        messages.delete(change.id);
        return;
      }
      const { queue: _, ...fields } = change;
      const known = messages.get(change.id);
      // A late update of a deleted message carries no body; it must not bring the message back.
      if (known === undefined && fields.body === undefined) return;
      messages.set(change.id, { ...known, ...fields } as Message);
    },

    snapshot: (): Change[] => [...messages.values()].map((message) => ({ queue: name, ...message })),

    send: (body: string, delaySeconds: number, now: number): Change & Message => ({
      queue: name,
      id: randomUUID(),
      body,
      sentAt: now,
      visibleAt: now + delaySeconds * 1000,
      receiveCount: 0,
    }),

    /** Messages whose retention has ended, to be dropped. */
    expired: (now: number): Change[] =>
      [...messages.values()]
        .filter((message) => message.sentAt + settings.retentionSeconds * 1000 <= now)
        .map(({ id }) => ({ queue: name, id, gone: true })),

    /** Visible messages received too often, to be moved to the dead-letter queue with their age and count. */
    exhausted: (now: number): Change[] =>
      redrive === undefined
        ? []
        : [...messages.values()]
            .filter((message) => message.visibleAt <= now && message.receiveCount >= redrive.maxReceiveCount)
            .flatMap(({ receipt: _receipt, receivedAt: _receivedAt, ...message }) => [
              { queue: redrive.deadLetterQueue, ...message, visibleAt: now },
              { queue: name, id: message.id, gone: true },
            ]),

    receive(limit: number, visibilitySeconds: number, now: number): { changes: Change[]; received: Received[] } {
      const received = [...messages.values()]
        .filter((message) => message.visibleAt <= now)
        .slice(0, limit)
        .map((message): Received => {
          const taken = {
            ...message,
            visibleAt: now + visibilitySeconds * 1000,
            receiveCount: message.receiveCount + 1,
            firstReceivedAt: message.firstReceivedAt ?? now,
            receivedAt: now,
            receipt: randomUUID(),
          };
          return { ...taken, receiptHandle: receiptHandleOf(name, taken) };
        });
      const changes = received.map(({ body: _body, sentAt: _sentAt, receiptHandle: _handle, ...change }) => ({
        queue: name,
        ...change,
      }));
      return { changes, received };
    },

    /**
     * A handle that is not of the most recent receive succeeds and deletes nothing, as standard queues do; one whose
     * visibility has run out still deletes while nobody else received the message.
     * Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html
     * @throws QueueError ReceiptHandleIsInvalid
     */
    remove(receiptHandle: string): Change[] {
      const { id, receipt } = parseReceiptHandle(name, receiptHandle);
      return messages.get(id)?.receipt === receipt ? [{ queue: name, id, gone: true }] : [];
    },

    /**
     * Sets how long from now the message stays in flight; 0 hands it back.
     * @throws QueueError ReceiptHandleIsInvalid, MessageNotInflight, InvalidParameterValue
     */
    changeVisibility(receiptHandle: string, visibilitySeconds: number, now: number): Change[] {
      const { id, receipt } = parseReceiptHandle(name, receiptHandle);
      const message = messages.get(id);
      if (message === undefined || message.receipt !== receipt) {
        throw outOfRange(
          "ReceiptHandle",
          receiptHandle.slice(0, 64),
          "Message does not exist or is not available for visibility timeout change.",
        );
      }
      if (!isInFlight(message, now)) throw serviceError("MessageNotInflight", "The message is not in flight.");
      const visibleAt = now + visibilitySeconds * 1000;
      if (visibleAt > (message.receivedAt ?? now) + maxVisibilitySeconds * 1000) {
        throw outOfRange(
          "VisibilityTimeout",
          visibilitySeconds,
          `Total VisibilityTimeout for the message is beyond the limit [${maxVisibilitySeconds} seconds].`,
        );
      }
      return [{ queue: name, id, visibleAt }];
    },

    purge: (): Change[] => [...messages.keys()].map((id) => ({ queue: name, id, gone: true })),

    counts(now: number): Counts {
      const counts = { visible: 0, notVisible: 0, delayed: 0 };
      for (const message of messages.values()) {
        if (message.visibleAt <= now) counts.visible += 1;
        else if (message.receiveCount > 0) counts.notVisible += 1;
        else counts.delayed += 1;
      }
      return counts;
    },

    /** When the next message that is hidden now becomes visible; Infinity when none will. */
    nextVisibleAt: (now: number): number =>
      [...messages.values()].reduce(
        (next, { visibleAt }) => (visibleAt > now ? Math.min(next, visibleAt) : next),
        Number.POSITIVE_INFINITY,
      ),
  };
};
