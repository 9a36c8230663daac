// Writes a line into the log for each event of RenditionTopic. Uses only Node, and no code of Darkroom.

import { eventsIn } from "./contract.mjs";

/** Handle a batch of SQS messages; return the ids of the failed ones. */
export async function handle(batch) {
  const batchItemFailures = [];
  for (const message of batch.Records) {
    try {
      for (const event of eventsIn(message.body)) work(event);
    } catch (error) {
      console.log(JSON.stringify({ level: "ERROR", message: "message failed", error: String(error) }));
      batchItemFailures.push({ itemIdentifier: message.messageId });
    }
  }
  return { batchItemFailures };
}

/** Do the work for one event, which may come more than once. Throw if the event is forged: about another bucket. */
function work({ kind, bucket, image, name }) {
  if (bucket !== process.env.EVENTS_BUCKET) throw new Error(`the event is about the bucket ${bucket}`);
  console.log(JSON.stringify({ level: "INFO", message: "journal done", kind, image_id: image, name }));
}
