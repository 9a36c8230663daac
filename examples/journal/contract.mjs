// Reads Darkroom's events, written from docs/events.md alone.

const IMAGE_ID = "[0-7][0-9a-hjkmnp-tv-z]{25}";
const KINDS = {
  UploadArrived: new RegExp(`^uploads/(${IMAGE_ID})/([^/]+)$`),
  RenditionCreated: new RegExp(`^thumb/(${IMAGE_ID})/[1-9][0-9]*x[1-9][0-9]*/(.+)[.][a-z0-9]+$`),
  UploadRejected: new RegExp(`^rejected/(${IMAGE_ID})[.]json$`),
  PictureRemoved: new RegExp(`^removed/(${IMAGE_ID})[.]json$`),
};

/** Decode a key as S3 writes it into an event: a space is +, other characters are percent-encoded. */
export function decodeKey(key) {
  return decodeURIComponent(key.replaceAll("+", " "));
}

/** Decode a name in a key: !XX is the byte XX of the name's UTF-8. */
export function decodeName(name) {
  const bytes = name.replace(/!([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return new TextDecoder().decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
}

/** Return the events in one message of a queue, with or without SNS's envelope. Throw if it is no S3 event. */
export function eventsIn(body) {
  let event = JSON.parse(body);
  if (event.Type === "Notification") event = JSON.parse(event.Message);
  if (event.Event === "s3:TestEvent") return [];
  return event.Records.filter((record) => record.eventName.startsWith("ObjectCreated:")).map(read);
}

function read({ s3 }) {
  const key = decodeKey(s3.object.key);
  const found = { bucket: s3.bucket.name, key, etag: s3.object.eTag, size_bytes: s3.object.size };
  for (const [kind, pattern] of Object.entries(KINDS)) {
    const match = pattern.exec(key);
    if (match) return { kind, ...found, image: match[1], ...(match[2] && { name: decodeName(match[2]) }) };
  }
  return { kind: "UploadArrived", ...found }; // an object that did not come through the door
}
