/**
 * TIFF: whole numbers of up to 32 bits and fractions, as they are, LZW, Deflate, PackBits or plain;
 * what else there is the package's own error names. The library for it makes bytes of all numbers
 * and reads whatever a directory points at. Source: Adobe, TIFF 6.0; OpenCV for what it means.
 */
import { inflated, integersOf, swapBytes, viewOf } from "./bytes.js";
import { unpackLzw } from "./lzw.js";
import { packBits } from "./packbits.js";
import shared from "./shared.json";
import { stored } from "./types.js";

/** @import { Numbers, Stored } from "./types.js" */
/**
 * @typedef {{kind: number, length: number, place: number}} Field where its values are
 *
 * @typedef {object} Head of the first picture
 * @property {number} height
 * @property {number} width
 * @property {number} samples of a pixel
 * @property {number} bits of a number
 * @property {boolean} isApart whether each colour is stored by itself
 * @property {boolean} little whether the low byte comes first
 * @property {(field: number, usual?: number[]) => number[]} values of a field
 *
 * @typedef {{height: number, width: number, samples: number, bits: number}} Block of pixels
 */

const { WIDTH, HEIGHT, BITS, SAMPLES, PHOTOMETRIC, PLANAR, APART, WHITE_IS_ZERO } = shared.images;
// fields
const COMPRESSION = 259;
const STARTS = 273;
const TURN = 274;
const ROWS = 278;
const SIZES = 279;
const PREDICTOR = 317;
const MAP = 320;
const TILE_WIDTH = 322;
const TILE_HEIGHT = 323;
const TILES = 324;
const TILE_SIZES = 325;
const EXTRA = 338;
const SIGNS = 339;
// marks
const LITTLE = 0x49;
const BIG_TIFF = 43;
/** @type {Record<number, [number, (view: DataView, at: number, little: boolean) => number]>} */
const KINDS = {
  1: [1, (view, at) => view.getUint8(at)],
  3: [2, (view, at, little) => view.getUint16(at, little)],
  4: [4, (view, at, little) => view.getUint32(at, little)],
  13: [4, (view, at, little) => view.getUint32(at, little)],
  16: [8, (view, at, little) => Number(view.getBigUint64(at, little))],
};
// what numbers mean
const PALETTE = 3;
const INK = 5;
const COLOURS = [0, 1, 2, PALETTE, INK];
// compressions
const PLAIN = 1;
const LZW = 5;
const DEFLATES = [8, 32946];
const PACK_BITS = 32773;
// predictors
const DIFFERENCES = 2;
const FRACTIONS = 3;
// kinds of numbers, and of a fourth channel
const UNSIGNED = 1;
const SIGNED = 2;
const FLOAT = 3;
const BEFORE_ALPHA = 2;
const MOST_BYTES = 2 ** 30; // of all blocks

/** The directory of the first picture. @param {Uint8Array} content @returns {Head}
 * Raises: an error of any kind if it is damaged
 */
export function tiffHead(content) {
  const view = viewOf(content);
  const little = content[0] === LITTLE;
  const isBig = view.getUint16(2, little) === BIG_TIFF;
  const word = isBig ? 8 : 4;
  const entry = isBig ? 20 : 12;
  const read = (/** @type {number} */ at) => KINDS[isBig ? 16 : 4][1](view, at, little);
  const start = read(word);
  const first = start + (isBig ? 8 : 2);
  const length = isBig ? read(start) : view.getUint16(start, little);
  /** @type {Map<number, Field>} */
  const fields = new Map();
  for (let at = first; at < first + entry * length && at + entry <= content.length; at += entry) {
    const [tag, kind] = [view.getUint16(at, little), view.getUint16(at + 2, little)];
    const size = read(at + 4) * (KINDS[kind]?.[0] ?? Infinity);
    const place = at + 4 + word;
    fields.set(tag, { kind, length: read(at + 4), place: size > word ? read(place) : place });
  }
  /** @type {Head["values"]} */
  const values = (field, usual) => {
    const found = fields.get(field);
    if (!found && usual) return usual;
    const { kind, length: many, place } = found ?? { kind: 0, length: 0, place: 0 };
    const [size, readOne] = KINDS[kind];
    if (!many || place + many * size > content.length) throw new Error(`no field ${field}`);
    return Array.from({ length: many }, (_, at) => readOne(view, place + at * size, little));
  };
  const [height, width, samples] = [values(HEIGHT)[0], values(WIDTH)[0], values(SAMPLES, [1])[0]];
  const bits = Math.max(...values(BITS, [1]).slice(0, 8));
  const isApart = values(PLANAR, [1])[0] === APART;
  return { height, width, samples, bits, isApart, little, values };
}

/** The first picture of a TIFF, whose size was looked at.
 * @param {Uint8Array} content @param {Head} head @returns {Promise<Stored>}
 * Raises: an error of any kind if it is damaged, or compressed in another way
 */
export async function decodeTiff(content, head) {
  const { height, width, samples, bits, isApart, values } = head;
  const format = values(SIGNS, [UNSIGNED])[0];
  const meaning = values(PHOTOMETRIC, [1])[0];
  if (!COLOURS.includes(meaning)) throw new Error(`numbers that mean ${meaning}`);
  const size = bits <= 8 ? 1 : bits <= 16 ? 2 : bits / 8;
  const planes = isApart ? samples : 1;
  const data = new Uint8Array(height * width * samples * size);
  const together = samples / planes;
  for (const { plane, top, left, start, length, block } of blocksOf(head, planes)) {
    const rows = await unpacked(content, start, length, { ...block, samples: together }, head);
    const wide = block.width * together * size;
    const across = Math.min(block.width, width - left);
    for (let row = 0; row < Math.min(block.height, height - top); row++) {
      const to = ((top + row) * width + left) * samples * size;
      const from = row * wide;
      if (!isApart) data.set(rows.subarray(from, from + across * samples * size), to);
      for (let at = 0; isApart && at < across * size; at++) {
        data[to + (Math.floor(at / size) * samples + plane) * size + (at % size)] = rows[from + at];
      }
    }
  }
  const numbers = numbersOf(data, size, format);
  const isColour = samples > 2;
  const kinds = [Uint8Array, Uint16Array, Float32Array];
  if (isColour && !kinds.some((one) => numbers instanceof one)) throw new Error("odd colours");
  const isWhiteZero = meaning === WHITE_IS_ZERO;
  if (isWhiteZero && bits <= 8) data.forEach((one, at) => (data[at] = 255 - one));
  const shown = shownAs(numbers, head, meaning);
  const turned = turn(stored(shown.data, height, width, shown.channels), values(TURN, [1])[0]);
  return { ...turned, inverted: isWhiteZero && bits > 8 };
}

/** Where the strips or tiles of a picture are. @param {Head} head @param {number} planes */
function blocksOf({ height, width, samples, bits, values }, planes) {
  const isTiled = values(TILE_WIDTH, [0])[0] > 0;
  const wide = isTiled ? values(TILE_WIDTH)[0] : width;
  const high = isTiled ? values(TILE_HEIGHT)[0] : Math.min(values(ROWS, [height])[0], height);
  const starts = values(isTiled ? TILES : STARTS);
  const sizes = values(
    isTiled ? TILE_SIZES : SIZES,
    starts.map(() => Infinity),
  );
  const down = Math.ceil(height / high);
  const across = Math.ceil(width / wide);
  const isHuge = (wide * across * high * down * samples * bits) / 8 > MOST_BYTES;
  if (isHuge || !(planes * down * across <= Math.min(starts.length, sizes.length))) {
    throw new Error("there are fewer blocks");
  }
  return Array.from({ length: planes * down * across }, (_, at) => {
    const plane = Math.floor(at / (down * across));
    const top = (Math.floor(at / across) % down) * high;
    const block = { width: wide, height: isTiled ? high : Math.min(high, height - top) };
    return { plane, top, left: (at % across) * wide, start: starts[at], length: sizes[at], block };
  });
}

/** The numbers of a block, of 8 bits or more, the low byte first.
 * @param {Uint8Array} content @param {number} start @param {number} length
 * @param {Omit<Block, "bits">} block @param {Head} head
 */
async function unpacked(content, start, length, block, { bits, little, values }) {
  const row = Math.ceil((block.width * block.samples * bits) / 8);
  const size = row * block.height;
  const packed = content.subarray(start, start + length);
  const kind = values(COMPRESSION, [PLAIN])[0];
  let bytes = new Uint8Array(0);
  if (kind === PLAIN)
    bytes = content.slice(start, start + size); // sizes are often wrong
  else if (DEFLATES.includes(kind)) bytes = new Uint8Array(await inflated(packed, size));
  else if (kind === LZW || kind === PACK_BITS) {
    bytes = new Uint8Array(size);
    const filled = kind === LZW ? unpackLzw(packed, bytes) : packBits(packed, bytes);
    bytes = bytes.subarray(0, filled);
  }
  if (bytes.length < size) throw new Error("there are fewer pixels");
  const predictor = values(PREDICTOR, [1])[0];
  const isWhole = bits % 8 === 0;
  if (predictor === FRACTIONS) return joined(bytes, row, block.samples, bits / 8);
  if (!little && isWhole) swapBytes(bytes, bits / 8);
  if (predictor === DIFFERENCES) addUp(bytes, row, block.samples, bits / 8);
  return isWhole ? bytes : widened(bytes, row, { ...block, bits });
}

/** Numbers from the differences in each row.
 * @param {Uint8Array} bytes @param {number} row @param {number} samples @param {number} size
 */
function addUp(bytes, row, samples, size) {
  const numbers = numbersOf(bytes, size, UNSIGNED);
  const long = row / size;
  for (let start = 0; start < numbers.length; start += long) {
    const end = start + long;
    for (let at = start + samples; at < end; at++) numbers[at] += numbers[at - samples];
  }
}

/** Fractions from the differences of their bytes, which stand apart by their place, high first.
 * @param {Uint8Array} bytes @param {number} row @param {number} samples @param {number} size
 */
function joined(bytes, row, samples, size) {
  const found = new Uint8Array(bytes.length);
  const long = row / size;
  for (let start = 0; start < bytes.length; start += row) {
    for (let at = samples; at < row; at++) bytes[start + at] += bytes[start + at - samples];
    for (let at = 0; at < row; at++) {
      found[start + (at % long) * size + size - 1 - Math.floor(at / long)] = bytes[start + at];
    }
  }
  return found;
}

/** Numbers of a few bits, spread over 8 or 16 of them.
 * @param {Uint8Array} bytes @param {number} row @param {Block} block
 */
function widened(bytes, row, { height, width, samples, bits }) {
  const long = width * samples;
  const most = 2 ** bits - 1;
  const found = bits < 8 ? new Uint8Array(height * long) : new Uint16Array(height * long);
  const scale = bits < 8 ? 255 / most : 2 ** (16 - bits);
  for (let at = 0; at < found.length; at++) {
    const place = (at % long) * bits;
    const from = Math.floor(at / long) * row + (place >> 3);
    const three = (bytes[from] << 16) | (bytes[from + 1] << 8) | bytes[from + 2];
    found[at] = ((three >> (24 - bits - (place & 7))) & most) * scale;
  }
  return new Uint8Array(found.buffer);
}

/** @param {Uint8Array} bytes @param {number} size @param {number} format @returns {Numbers} */
function numbersOf(bytes, size, format) {
  const buffer = bytes.byteOffset ? bytes.slice().buffer : bytes.buffer;
  if (format !== FLOAT) return integersOf(buffer, size, format === SIGNED);
  if (size === 4) return new Float32Array(buffer);
  if (size === 8) return new Float64Array(buffer);
  throw new Error(`fractions of ${size} bytes`);
}

/** Numbers as grey, or as red, green and blue.
 * @param {Numbers} data @param {Head} head @param {number} meaning
 */
function shownAs(data, { samples, bits, values }, meaning) {
  if (meaning === PALETTE) {
    const map = values(MAP);
    const size = map.length / 3;
    const found = new Uint8Array(3 * data.length);
    const step = bits < 8 ? 255 / (2 ** bits - 1) : 1;
    for (let at = 0; at < found.length; at++) {
      found[at] = map[(at % 3) * size + Math.round(data[Math.floor(at / 3)] / step)] >> 8;
    }
    return { data: found, channels: 3 };
  }
  const alpha = samples - 1;
  const isUnder =
    bits === 8 && samples % 2 === 0 && (meaning === INK || values(EXTRA, [0])[0] === BEFORE_ALPHA);
  for (let at = 0; isUnder && at < data.length; at += samples) {
    for (let channel = 0; channel < alpha; channel++) {
      const [one, over] = [data[at + channel], data[at + alpha]];
      data[at + channel] =
        meaning === INK ? ((255 - one) * (255 - over)) / 255 : (one * over + 127) / 255;
    }
  }
  if (samples !== 2) return { data, channels: samples };
  return { data: data.filter((_, at) => at % 2 === 0), channels: 1 };
}

/** The picture as its file says that it is turned. @param {Stored} picture @param {number} how */
function turn(picture, how) {
  if (!(how > 1 && how <= 8)) return picture;
  const { data, height, width, channels } = picture;
  const isAside = how > 4;
  const found = data.slice();
  const [high, wide] = isAside ? [width, height] : [height, width];
  const fromRight = [2, 3, 7, 8].includes(how);
  const fromBelow = [3, 4, 6, 7].includes(how);
  for (let row = 0, to = 0; row < high; row++) {
    for (let column = 0; column < wide; column++) {
      const [down, across] = isAside ? [column, row] : [row, column];
      const from =
        (fromBelow ? height - 1 - down : down) * width + (fromRight ? width - 1 - across : across);
      for (let channel = 0; channel < channels; channel++) {
        found[to++] = data[from * channels + channel];
      }
    }
  }
  return { ...picture, data: found, height: high, width: wide };
}
