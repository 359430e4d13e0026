/**
 * JPEG, which browsers decode themselves; what they do not refuse is refused here, and what they do
 * more than the package, turning a photo or its colours as the file asks, is kept from them.
 */
const START = 0xd8;
const END = 0xd9;
const SCAN = 0xda;
const FIRST_APP = 0xe0;
const RESTARTS = [0xd0, 0xd7];
const FRAMES = [0xc0, 0xc1, 0xc3, 0xf7];
const TURNING = [FIRST_APP + 1, FIRST_APP + 2]; // Exif and colour profiles
const TABLES = [0xc4, 0xc8, 0xcc]; // among the marks of frames, which are none

/** How each scan begins. */
export const SCAN_BYTES = Uint8Array.of(0xff, SCAN);
/** How each JPEG begins. */
export const JPEG_BYTES = Uint8Array.of(0xff, START, 0xff);

/** @typedef {{kind: number, bits: number, height: number, width: number, samples: number}} Frame */
/** @typedef {{mark: number, start: number, end: number}} Part from its mark to the next part */

/** The parts of a JPEG up to its first scan, which is the last of them, or up to its end; decoders
 * pass over what stands between parts.
 * @param {Uint8Array} data @returns {Part[]}
 */
function headParts(data) {
  const parts = [];
  let start = 2;
  while ((start = data.indexOf(0xff, start)) >= 0 && start + 4 <= data.length) {
    const mark = data[start + 1];
    if (mark === 0xff || mark === 0) start += 1;
    else {
      const end = start + 2 + ((data[start + 2] << 8) | data[start + 3]);
      parts.push({ mark, start, end });
      if (mark === SCAN || end > data.length) break;
      start = end;
    }
  }
  return parts;
}

/** The frame of a JPEG by its part. @param {Uint8Array} data @param {Part} part @returns {Frame} */
function frameAt(data, { mark, start }) {
  const [bits, high, low, left, right, samples] = data.subarray(start + 4, start + 10);
  return { kind: mark, bits, height: (high << 8) | low, width: (left << 8) | right, samples };
}

/** What a JPEG of the common kinds says of its picture; null if it is none.
 * @param {Uint8Array} data @returns {Frame | null}
 */
export function jpegFrame(data) {
  if (data[0] !== 0xff || data[1] !== START) return null;
  const part = headParts(data).find(({ mark }) => FRAMES.includes(mark));
  return part ? frameAt(data, part) : null;
}

/** The frame of a JPEG of any kind whose head is whole, null otherwise.
 * @param {Uint8Array} data @returns {Frame | null}
 */
export function wholeHead(data) {
  const parts = headParts(data);
  const last = parts.at(-1);
  const part = parts.find(({ mark }) => mark >> 4 === 0xc && !TABLES.includes(mark));
  if (!part || last?.mark !== SCAN || last.end > data.length) return null;
  const frame = frameAt(data, part);
  return frame.height && frame.width ? frame : null;
}

/** The marks behind the head, up to that of the end; none of them is in the data of a picture.
 * @param {Uint8Array} data @returns {number[]}
 */
function marksBehind(data) {
  const marks = [];
  let place = headParts(data).at(-1)?.end ?? data.length;
  while (marks.at(-1) !== END && (place = data.indexOf(0xff, place)) >= 0) {
    const mark = data[place + 1] ?? 0;
    if (mark && mark !== 0xff && !(mark >= RESTARTS[0] && mark <= RESTARTS[1])) marks.push(mark);
    place += mark === 0xff ? 1 : 2;
  }
  return marks;
}

/** Whether the mark of the end follows the scans. @param {Uint8Array} data @returns {boolean} */
export const isComplete = (data) => marksBehind(data).at(-1) === END;

/** Whether nothing but the end follows the first scan.
 * @param {Uint8Array} data @returns {boolean}
 */
export const isOneScan = (data) => [END, undefined].includes(marksBehind(data)[0]);

/** A JPEG with the mark of its end. @param {Uint8Array} data @returns {Uint8Array} */
export function closed(data) {
  if (isComplete(data)) return data;
  const found = new Uint8Array(data.length + 2);
  found.set(data);
  found.set([0xff, END], data.length);
  return found;
}

/**
 * The pixels of a JPEG, a channel where it is grey, otherwise red, green, blue and 255.
 * @param {Uint8Array} data @param {Frame} frame
 * @returns {Promise<{data: Uint8Array, channels: number}>}
 * Raises: an error of any kind if the browser cannot decode it
 */
export async function decodeJpeg(data, { height, width, samples }) {
  const turning = headParts(data).filter(({ mark }) => TURNING.includes(mark));
  const kept = [];
  let start = 0;
  for (const part of turning) {
    kept.push(data.subarray(start, part.start));
    start = part.end;
  }
  const blob = new Blob(/** @type {BlobPart[]} */ ([...kept, data.subarray(start)]), {
    type: "image/jpeg",
  });
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  if (bitmap.height !== height || bitmap.width !== width) throw new Error("another size");
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("no canvas");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = new Uint8Array(context.getImageData(0, 0, width, height).data.buffer);
  if (samples > 1) return { data: rgba, channels: 4 };
  const grey = new Uint8Array(width * height);
  for (let at = 0; at < grey.length; at++) grey[at] = rgba[4 * at];
  return { data: grey, channels: 1 };
}
