// Reads width and height from the first bytes of a JPEG, PNG or WebP, so that a picture with too many pixels is not sent.
// Other formats, and headers that do not say it plainly, give null: the resizer decides about them.
const HEADER_BYTES = 262144, NO_FRAMES = [0xc4, 0xc8, 0xcc];

async function sizeOf(file) {
  const bytes = new DataView(await file.slice(0, HEADER_BYTES).arrayBuffer());
  const name = at => String.fromCharCode(...[0, 1, 2, 3].map(n => bytes.getUint8(at + n)));
  try {
    if (bytes.getUint16(0) === 0xffd8) return sizeOfJpeg(bytes);
    if (bytes.getUint32(0) === 0x89504e47 && name(12) === "IHDR") return [bytes.getUint32(16), bytes.getUint32(20)];
    if (name(0) === "RIFF" && name(8) === "WEBP") return sizeOfWebp(bytes, name(12));
  } catch { /* the header is longer than this, or the file ends */ }
  return null;
}

function sizeOfJpeg(bytes) {
  for (let at = 2; bytes.getUint8(at) === 0xff; at += 2 + bytes.getUint16(at + 2)) {
    while (bytes.getUint8(at + 1) === 0xff) at++; // fill bytes
    const marker = bytes.getUint8(at + 1);
    if (marker >> 4 === 0xc && !NO_FRAMES.includes(marker)) return [bytes.getUint16(at + 7), bytes.getUint16(at + 5)];
    if (marker >= 0xd0 && marker <= 0xda) return null;
  }
  return null;
}

function sizeOfWebp(bytes, chunk) {
  const side = at => 1 + (bytes.getUint32(at, true) & 0xffffff);
  if (chunk === "VP8X") return [side(24), side(27)];
  if (chunk === "VP8 ") return [bytes.getUint16(26, true) & 0x3fff, bytes.getUint16(28, true) & 0x3fff];
  if (chunk !== "VP8L") return null;
  const sides = bytes.getUint32(21, true);
  return [1 + (sides & 0x3fff), 1 + (sides >> 14 & 0x3fff)];
}
