// sharp as a peer: reads lines "PATH SIZE[,SIZE] OUT" and answers each with its milliseconds.
// "sharp" uses the defaults: the decoder reduces as far as possible, further than libvips itself, which can cost quality
// according to its documentation. "sharp, no fast shrink" disables that with the documented option.
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import sharp from "sharp";

sharp.concurrency(1);
sharp.cache(false);
const files = new Map();
const fastShrinkOnLoad = process.argv[2] !== "sharp, no fast shrink";
const fitted = (input, px) =>
  sharp(input).resize(px, px, { fit: "inside", withoutEnlargement: true, fastShrinkOnLoad });

async function renditions(input, sizes) {
  if (sizes.length === 1) return [await fitted(input, sizes[0]).jpeg({ quality: 80 }).toBuffer()];
  // One decode, and the small picture from the large one: this measured faster than two pipelines or clone().
  const { data, info } = await fitted(input, sizes[0]).raw().toBuffer({ resolveWithObject: true });
  const raw = { raw: { width: info.width, height: info.height, channels: info.channels } };
  return [
    await sharp(data, raw).jpeg({ quality: 80 }).toBuffer(),
    await sharp(data, raw).resize(sizes[1], sizes[1], { fit: "inside" }).jpeg({ quality: 80 }).toBuffer(),
  ];
}

// The peak memory of this process; resourceUsage() would include the parent's.
const peakMb = () => Number(readFileSync("/proc/self/status", "utf8").match(/VmHWM:\s+(\d+)/)[1]) / 1024;

for await (const line of createInterface({ input: process.stdin })) {
  const [path, list, out] = line.split("\t");
  if (!files.has(path)) files.set(path, readFileSync(path));
  const sizes = list.split(",").map(Number);
  try {
    const started = process.cpuUsage();
    const made = await renditions(files.get(path), sizes);
    const { user, system } = process.cpuUsage(started); // all threads, as process_time() of the others
    const ms = (user + system) / 1000;
    if (out) made.forEach((body, i) => writeFileSync(`${out}.${i}`, body));
    console.log(`${ms} ${peakMb()}`);
  } catch (error) {
    console.log(`error ${String(error.message).split("\n")[0]}`);
  }
}
