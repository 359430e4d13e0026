/**
 * PNG, with all its bits, which browsers cut down to eight. The libraries for it fill missing rows
 * with black, and unpack whatever the data hold, without a word. Source: W3C, PNG.
 */
import { inflated, latin1, viewOf } from "./bytes.js";
import { stored } from "./types.js";

/** @import { Stored } from "./types.js" */
/** @typedef {{height: number, width: number, depth: number, kind: number}} Head */

const SIGNATURE = 8; // bytes
const REST = 12; // bytes of a part besides its data
const POLYNOMIAL = 0xedb88320; // of the checksum
const GREY = 0;
const PALETTE = 3;
/** @type {Record<number, [number, number[]]>} channels, and the depths that there are */
const KINDS = {
  0: [1, [1, 2, 4, 8, 16]],
  2: [3, [8, 16]],
  3: [1, [1, 2, 4, 8]],
  4: [2, [8, 16]],
  6: [4, [8, 16]],
};
const WHOLE = [[0, 0, 1, 1]];
/** Adam7: first column, first row, step across and step down of each pass. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

/** The pixels of a PNG, whose end is there and whose size was looked at.
 * @param {Uint8Array} content @returns {Promise<Stored>}
 * Raises: an error of any kind if it is damaged
 */
export async function decodePng(content) {
  const { head, palette, packed, isInterlaced } = partsOf(content);
  const { height, width, depth, kind } = head;
  const channels = KINDS[kind][0];
  const passes = (isInterlaced ? PASSES : WHOLE)
    .map(([left, top, across, down]) => ({
      left,
      top,
      across,
      down,
      height: Math.ceil((height - top) / down),
      width: Math.ceil((width - left) / across),
    }))
    .filter((pass) => pass.height > 0 && pass.width > 0);
  const bits = channels * depth;
  const size = passes.reduce(
    (sum, pass) => sum + pass.height * (1 + Math.ceil((pass.width * bits) / 8)),
    0,
  );
  const rows = await inflated(packed, size);
  const data = new (depth > 8 ? Uint16Array : Uint8Array)(height * width * channels);
  let start = 0;
  for (const pass of passes) {
    const length = 1 + Math.ceil((pass.width * bits) / 8);
    const part = rows.subarray(start, (start += pass.height * length));
    unfilter(part, length, Math.max(1, bits / 8));
    place(part, length, pass, depth, channels, width, data);
  }
  if (kind === PALETTE) return stored(coloured(data, palette), height, width, 3);
  if (kind === GREY && depth < 8) {
    for (let at = 0; at < data.length; at++) data[at] *= 255 / (2 ** depth - 1);
  }
  return channels === 2
    ? stored(
        data.filter((_, at) => at % 2 === 0),
        height,
        width,
      )
    : stored(data, height, width, channels);
}

/** @param {Uint8Array} content */
function partsOf(content) {
  const view = viewOf(content);
  const data = [];
  /** @type {Head | null} */
  let head = null;
  let palette = new Uint8Array(0);
  let isInterlaced = false;
  for (let at = SIGNATURE, name = ""; name !== "IEND";) {
    const length = view.getUint32(at);
    name = latin1(content.subarray(at + 4, at + 8));
    const part = content.subarray(at + 8, at + 8 + length);
    const isNeeded = name[0] < "a";
    if (isNeeded && view.getUint32(at + 8 + length) !== checksum(content, at + 4, length + 4)) {
      throw new Error(`the checksum of ${name} is wrong`);
    }
    if (name === "IHDR") {
      const [depth, kind, packing, filters, interlacing] = part.subarray(8);
      const [width, height] = [view.getUint32(at + 8), view.getUint32(at + 12)];
      if (!KINDS[kind]?.[1].includes(depth) || packing || filters || interlacing > 1) {
        throw new Error("the header is damaged");
      }
      head = { height, width, depth, kind };
      isInterlaced = interlacing === 1;
    } else if (name === "PLTE") palette = part.slice();
    else if (name === "IDAT") data.push(part);
    else if (isNeeded && name !== "IEND") throw new Error(`a part ${name}`);
    at += REST + length;
  }
  if (!head || (head.kind === PALETTE && !palette.length)) throw new Error("a part is missing");
  const packed = new Uint8Array(data.reduce((sum, part) => sum + part.length, 0));
  data.reduce((at, part) => (packed.set(part, at), at + part.length), 0);
  return { head, palette, packed, isInterlaced };
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? POLYNOMIAL ^ (byte >>> 1) : byte >>> 1;
  return byte;
});

/** @param {Uint8Array} bytes @param {number} start @param {number} length */
function checksum(bytes, start, length) {
  let sum = -1;
  for (let at = start; at < start + length; at++)
    sum = TABLE[(sum ^ bytes[at]) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}

/** Undo, in place, what made the rows easier to compress.
 * @param {Uint8Array} rows each behind the number of its filter @param {number} length of a row
 * @param {number} step bytes of a pixel
 */
function unfilter(rows, length, step) {
  for (let start = 0; start < rows.length; start += length) {
    const filter = rows[start];
    const end = start + length;
    const isFirst = start === 0;
    if (filter === 1) {
      for (let at = start + 1 + step; at < end; at++) rows[at] += rows[at - step];
    } else if (filter === 2) {
      for (let at = start + 1; at < end && !isFirst; at++) rows[at] += rows[at - length];
    } else if (filter === 3) {
      for (let at = start + 1; at < end; at++) {
        const left = at - step > start ? rows[at - step] : 0;
        rows[at] += (left + (isFirst ? 0 : rows[at - length])) >> 1;
      }
    } else if (filter === 4) {
      for (let at = start + 1; at < end; at++) {
        const hasLeft = at - step > start;
        const left = hasLeft ? rows[at - step] : 0;
        const up = isFirst ? 0 : rows[at - length];
        const corner = hasLeft && !isFirst ? rows[at - length - step] : 0;
        const toLeft = Math.abs(up - corner);
        const toUp = Math.abs(left - corner);
        const toCorner = Math.abs(left + up - 2 * corner);
        if (toLeft <= toUp && toLeft <= toCorner) rows[at] += left;
        else rows[at] += toUp <= toCorner ? up : corner;
      }
    } else if (filter) throw new Error(`a filter ${filter}`);
  }
}

/** Put the numbers of a pass where they belong.
 * @param {Uint8Array} rows @param {number} length of a row
 * @param {{left: number, top: number, across: number, down: number, height: number,
 *   width: number}} pass
 * @param {number} depth @param {number} channels @param {number} width of the picture
 * @param {Uint8Array | Uint16Array} data
 */
function place(rows, length, pass, depth, channels, width, data) {
  const numbers = pass.width * channels;
  const most = 2 ** depth - 1;
  const skip = channels * (pass.across - 1);
  for (let row = 0; row < pass.height; row++) {
    const start = row * length + 1;
    let to = channels * ((pass.top + row * pass.down) * width + pass.left);
    for (let at = 0, channel = 0; at < numbers; at++) {
      if (depth === 8) data[to] = rows[start + at];
      else if (depth === 16) data[to] = (rows[start + 2 * at] << 8) | rows[start + 2 * at + 1];
      else
        data[to] = (rows[start + ((at * depth) >> 3)] >> (8 - depth - ((at * depth) & 7))) & most;
      to += 1;
      if (++channel === channels) {
        channel = 0;
        to += skip;
      }
    }
  }
}

/** @param {Uint8Array | Uint16Array} numbers @param {Uint8Array} palette */
function coloured(numbers, palette) {
  const found = new Uint8Array(3 * numbers.length);
  for (let at = 0; at < numbers.length; at++) {
    found.set(palette.subarray(3 * numbers[at], 3 * numbers[at] + 3), 3 * at);
  }
  return found;
}
