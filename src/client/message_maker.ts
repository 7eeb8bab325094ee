/** What the program publishes → Application Messages: the hot path of a publisher. @module */

import { ApplicationMessage } from "../packet/application_message.ts";
import type { QoS } from "../packet/control_packet.ts";
import { copyBytes } from "../packet/copy_bytes.ts";
import type { Properties } from "../packet/property.ts";
import { isValidTopicName } from "../topic/topic_name.ts";
import type { PublishOptions } from "./client.ts";
import { bytesOf } from "./payload.ts";

/** Topics whose encoded form is kept. */
const TOPICS_KEPT = 1000;
/** Of a message that is made in the same memory as the one before. */
const SCRATCH_BYTES = 4096;

export class MessageMaker {
  /** Valid Topic Names as they stand in a message: length (2), UTF-8. */
  readonly #topics = new Map<string, Uint8Array>();
  readonly #scratch = new ApplicationMessage();
  readonly #scratchBytes = new Uint8Array(SCRATCH_BYTES);

  /** One of QoS 0 is valid until the next call, unless its `owned()` is kept: most are on their way by then.
   * @throws TypeError for what is no Topic Name; RangeError for properties that do not fit. */
  make(topicName: string, payload: string | Uint8Array, options: PublishOptions): ApplicationMessage {
    const { qos = 0, retain = false, properties } = options;
    const topic = this.#topics.get(topicName) ?? this.#encode(topicName);
    const bytes = bytesOf(payload);
    if (qos !== 0 && qos !== 1 && qos !== 2) throw new RangeError("a QoS is 0, 1 or 2");
    if (properties !== undefined) {
      const { responseTopic } = properties;
      if (responseTopic !== undefined && !isValidTopicName(responseTopic)) {
        throw new TypeError("the Response Topic is not a Topic Name");
      }
      return ApplicationMessage.create({
        topicName,
        payload: bytes,
        qos,
        retain,
        properties: properties as Properties,
      });
    }
    const length = topic.length + bytes.length;
    if (qos !== 0 || length > SCRATCH_BYTES) {
      return layOut(new ApplicationMessage(), new Uint8Array(length), topicName, topic, bytes, qos, retain);
    }
    const message = layOut(this.#scratch, this.#scratchBytes, topicName, topic, bytes, qos, retain);
    message.borrowed = true;
    return message;
  }

  #encode(topicName: string): Uint8Array {
    if (!isValidTopicName(topicName)) throw new TypeError(`${JSON.stringify(topicName)} is not a Topic Name`);
    const text = bytesOf(topicName);
    const topic = new Uint8Array(2 + text.length);
    topic[0] = text.length >>> 8;
    topic[1] = text.length;
    topic.set(text, 2);
    if (this.#topics.size >= TOPICS_KEPT) this.#topics.clear();
    this.#topics.set(topicName, topic);
    return topic;
  }
}

/** Without properties: as `ApplicationMessage.create` would. */
function layOut(
  message: ApplicationMessage,
  buffer: Uint8Array,
  topicName: string,
  topic: Uint8Array,
  payload: Uint8Array,
  qos: QoS,
  retain: boolean,
): ApplicationMessage {
  message.renew();
  const topicEnd = copyBytes(buffer, 0, topic, 0, topic.length);
  const payloadEnd = copyBytes(buffer, topicEnd, payload, 0, payload.length);
  message.topicName = topicName;
  message.qos = qos;
  message.retain = retain;
  message.buffer = buffer;
  message.topicStart = 2;
  message.topicEnd = topicEnd;
  message.propertiesStart = message.propertiesEnd = message.payloadStart = topicEnd;
  message.payloadEnd = payloadEnd;
  return message;
}
