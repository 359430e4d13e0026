/** The numbers of a DICOM file's picture, whatever it is compressed with. */
// @ts-expect-error: it has no types
import { Decoder } from "jpeg-lossless-decoder-js";
import { integersOf, standsAt, swapBytes, viewOf } from "../bytes.js";
import { closed, decodeJpeg, isOneScan, jpegFrame } from "../jpeg.js";
import { say } from "../say.js";
import shared from "../shared.json";
import { DataError } from "../types.js";
import { Header, title } from "./header.js";
import { packBits } from "../packbits.js";

/** @import { Integers } from "../bytes.js" */
/** @import { Opened } from "./dicom.js" */

/**
 * @typedef {object} Picture all that decoding needs, with the standard's defaults
 * @property {Uint8Array} data
 * @property {string} syntax
 * @property {number} height
 * @property {number} width
 * @property {number} samples
 * @property {string} kind photometric interpretation
 * @property {boolean} apart whether each colour is stored by itself
 * @property {number} signed 0 or 1
 * @property {number} allocated bits that a number takes in the file
 * @property {number} stored bits that count
 */

const { COLOURS, GREYS, MOST_JUDGED, FAR, LEAST_BELOW, SYNTAX, CODECS } = shared.pixels;
/** A piece of a compressed picture. */
export const ITEM_BYTES = Uint8Array.of(0xfe, 0xff, 0x00, 0xe0);
const LIST_END = Uint8Array.of(0xfe, 0xff, 0xdd, 0xe0);
const J2K = Uint8Array.of(0xff, 0x4f, 0xff, 0x51);
const JXL = Uint8Array.of(0xff, 0x0a);
const JXL_BOX = [0x4a, 0x58, 0x4c, 0x20];
const JP2_BOX = [0x6a, 0x50, 0x20, 0x20];
const HT = Uint8Array.of(0xff, 0x50);
const RLE_START = [0x40, 0, 0, 0];
const RLE_HEAD = 64;
const RLE_MOST = 15;
const LOSSLESS = 0xc3;
/** @type {Record<number, string>} */
const FRAMES = { 0xc0: "4.50", 0xc1: "4.51", 0xc3: "4.57", 0xf7: "4.80" }; // by JPEG's mark
/** Transfer syntaxes that compress nothing. */
export const IMPLICIT = SYNTAX.slice(0, -1);
export const EXPLICIT = `${SYNTAX}1`;
export const BIG_ENDIAN = `${SYNTAX}2`;
const NATIVE = [IMPLICIT, EXPLICIT, BIG_ENDIAN];
/** @type {Record<string, string>} */
const NAMES = {
  1: "Explicit VR Little Endian",
  2: "Explicit VR Big Endian",
  5: "RLE Lossless",
  "4.50": "JPEG Baseline (Process 1)",
  4.57: "JPEG Lossless, Non-Hierarchical (Process 14)",
  "4.70":
    "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])",
  "4.80": "JPEG-LS",
  4.81: "JPEG-LS",
  "4.90": "JPEG 2000 Lossless",
  4.91: "JPEG 2000",
  4.92: "JPEG 2000 Part 2 Multi-component Image Compression (Lossless Only)",
  4.93: "JPEG 2000 Part 2 Multi-component Image Compression",
  "4.100": "MPEG2 Main Profile / Main Level",
  4.101: "MPEG2 Main Profile / High Level",
  4.102: "MPEG-4 AVC/H.264 High Profile / Level 4.1",
  4.103: "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1",
  4.104: "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video",
  4.105: "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video",
  4.106: "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2",
  4.107: "HEVC/H.265 Main Profile / Level 5.1",
  4.108: "HEVC/H.265 Main 10 Profile / Level 5.1",
  ...shared.pixels.NAMES,
};
const UNNAMED = ["4.110", "4.111", "4.112"]; // what pydicom does not know, and thus looks at

/** @param {Header} header @param {Opened} file @param {[number, number, number]} shape
 * @returns {Picture}
 */
export function barePicture(header, file, [height, width, samples]) {
  const data = header.element("PixelData")?.value ?? new Uint8Array(0);
  const syntax = syntaxOf(file, data);
  const kind = colours(header, samples);
  const apart = header.number("PlanarConfiguration", 0) === 1;
  const signed = Number(header.number("PixelRepresentation", 0) === 1);
  const size = standsAt(data, ITEM_BYTES) ? 0 : data.length;
  const [allocated, stored] = bits(header, size, height * width * samples);
  return { data, syntax, height, width, samples, kind, apart, signed, allocated, stored };
}

/** @param {Header} header @param {number} samples */
function colours(header, samples) {
  const field = "PhotometricInterpretation";
  const said = header.text(field).toUpperCase();
  const [usual, fitting] = samples === 1 ? ["MONOCHROME2", GREYS] : ["RGB", COLOURS];
  if (fitting.includes(said)) return said;
  const fault = say(said ? "{} is damaged" : "the header lacks {}", title(field));
  header.notes.push(fault + say(": {} was used", usual));
  return usual;
}

/** Bits that a number takes in the file, and those that count.
 * @param {Header} header @param {number} size in bytes, 0 if packed @param {number} numbers
 */
function bits(header, size, numbers) {
  let stored = Math.trunc(header.number("BitsStored", 0, say("all bits were used")));
  const said = say("the number of bytes was used");
  let allocated = Math.trunc(header.number("BitsAllocated", 0, said));
  const fitting = 8 * Math.floor(size / numbers);
  if ([8, 16, 32].includes(fitting) && size % numbers < 2) {
    if (![0, fitting].includes(allocated)) header.contradicted("BitsAllocated", `${fitting} was`);
    allocated = fitting;
  } else if (!(allocated > 0 && allocated <= 64)) {
    allocated = size >= 2 * numbers || stored > 8 ? 16 : 8;
  }
  if (!(stored > 0 && stored <= allocated)) stored = allocated;
  const high = Math.trunc(header.number("HighBit", stored - 1));
  return [allocated, stored <= high && high < allocated ? high + 1 : stored];
}

/** The transfer syntax, found by looking where the header does not say or contradicts it.
 * @param {Opened} file @param {Uint8Array} data
 */
function syntaxOf(file, data) {
  const named = new Header(file.meta).text("TransferSyntaxUID");
  const packed = standsAt(data, ITEM_BYTES);
  const number = numberOf(named);
  const isPacked =
    Object.hasOwn(NAMES, number) && !NATIVE.includes(named) && !UNNAMED.includes(number);
  if (packed ? isPacked : NATIVE.includes(named)) return named;
  if (packed) return codec(firstFrame(data)) || named;
  return file.implicit ? IMPLICIT : file.little ? EXPLICIT : BIG_ENDIAN;
}

/** @param {string} syntax */
const numberOf = (syntax) => (syntax.startsWith(SYNTAX) ? syntax.slice(SYNTAX.length) : syntax);

/** The transfer syntax of a compressed picture, by how it begins; empty if it is none known.
 * @param {Uint8Array} frame
 */
function codec(frame) {
  const box = frame.subarray(4, 8);
  const isBox = (/** @type {number[]} */ wanted) => standsAt(box, Uint8Array.from(wanted));
  if (standsAt(frame, J2K)) {
    return SYNTAX + (standsAt(frame, HT, 4 + ((frame[4] << 8) | frame[5])) ? "4.201" : "4.90");
  }
  if (standsAt(frame, JXL) || isBox(JXL_BOX)) return `${SYNTAX}4.110`;
  if (isBox(JP2_BOX)) return `${SYNTAX}4.90`;
  if (isBox(RLE_START)) return `${SYNTAX}5`;
  const part = jpegFrame(frame);
  return part ? SYNTAX + FRAMES[part.kind] : "";
}

/** The first picture of compressed data, put together from its pieces. @param {Uint8Array} data */
function firstFrame(data) {
  const view = viewOf(data);
  const length = view.getUint32(4, true);
  const first = 8 + length;
  if (length % 4) throw new Error("the table of offsets is damaged");
  const offsets = [0, 4].filter((at) => at < length).map((at) => view.getUint32(8 + at, true));
  const [start, end] = [offsets[0] ?? 0, offsets[1] ?? Infinity];
  const pieces = [];
  let place = first + start;
  while (place + 4 <= Math.min(data.length, first + end) && !standsAt(data, LIST_END, place)) {
    const size = view.getUint32(place + 4, true);
    if (!standsAt(data, ITEM_BYTES, place) || size === 0xffffffff) throw new Error("no piece");
    pieces.push(data.subarray(place + 8, place + 8 + size));
    place += 8 + size;
  }
  if (pieces.length === 1) return pieces[0];
  const frame = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let filled = 0;
  for (const piece of pieces) {
    frame.set(piece, filled);
    filled += piece.length;
  }
  return frame;
}

/** The numbers of a picture, and how many channels they have.
 * @param {Picture} picture @param {string} name
 * @returns {Promise<{data: Integers, channels: number}>}
 * Raises: DataError if this page cannot read its compression; an error of any kind if it is damaged
 */
export async function decodedPixels(picture, name) {
  const number = numberOf(picture.syntax);
  const codecs = Object.entries(CODECS);
  const codec = codecs.find(([, numbers]) => numbers.includes(number))?.[0];
  const isPacked = standsAt(picture.data, ITEM_BYTES);
  if (codec === "jpeg8") return unpackedJpeg(picture, name);
  if (isPacked && number !== "5") throw unread(picture.syntax, name, Boolean(codec));
  if (![1, 3].includes(picture.samples)) throw new Error("pydicom reads one or three samples");
  const data = number === "5" ? unpackedRle(picture) : uncompressed(picture);
  return { data: inColour(picture, data), channels: picture.samples };
}

/** @param {string} syntax @param {string} name @param {boolean} canPackage */
function unread(syntax, name, canPackage) {
  const said = say("{} is compressed as", name, NAMES[numberOf(syntax)] ?? syntax, syntax);
  if (!canPackage) return new DataError(say("{}which nothing installed reads", said));
  return new DataError(`${said}which this page cannot read: lungseg predict FILE --out FOLDER can`);
}

/** @param {Picture} picture @param {string} name */
async function unpackedJpeg({ data, syntax, height, width, samples }, name) {
  const packed = firstFrame(data);
  const frame = jpegFrame(packed);
  if (!frame || frame.height !== height || frame.width !== width || frame.samples !== samples) {
    throw new Error("the picture is not the size that its header says");
  }
  if (frame.kind === LOSSLESS) {
    if (samples > 1 && frame.bits > 8) throw unread(syntax, name, true);
    if (!isOneScan(packed)) throw new Error("the picture is damaged");
    return { data: unpackedLossless(packed), channels: samples };
  }
  if (frame.bits > 8) throw unread(syntax, name, true);
  return decodeJpeg(closed(packed), frame); // as the package, which shows what is there
}

/** @param {Uint8Array} packed @returns {Integers} */
function unpackedLossless({ buffer, byteOffset, byteLength }) {
  const decoder = new Decoder(); // which makes fractions of what the seventh predictor halves
  decoder.select7 = (/** @type {number} */ channel) =>
    (decoder.getPreviousX(channel) + decoder.getPreviousY(channel)) >> 1;
  return decoder.decode(buffer, byteOffset, byteLength);
}

/** @param {Picture} picture @returns {Integers} */
function uncompressed({ data, syntax, height, width, samples, allocated }) {
  const length = height * width * samples;
  const size = allocated / 8;
  if (data.length < length * size) throw new Error("there are fewer pixels");
  const bytes = data.slice(0, length * size);
  if (syntax === BIG_ENDIAN) swapBytes(bytes, size);
  return integersOf(bytes.buffer, size);
}

/** The bytes of all numbers by their place in a number, run by run. Source: DICOM PS3.5, G.
 * @param {Picture} picture @returns {Integers}
 */
function unpackedRle(picture) {
  const { height, width, samples, allocated } = picture;
  const size = allocated / 8;
  const packed = firstFrame(picture.data);
  const view = viewOf(packed);
  const parts = view.getUint32(0, true);
  const pixels = height * width;
  if (packed.length < RLE_HEAD || parts > RLE_MOST || parts !== samples * size) {
    throw new Error("another number of parts than of bytes");
  }
  const bytes = new Uint8Array(pixels * samples * size);
  const plane = new Uint8Array(pixels);
  for (let part = 0; part < parts; part++) {
    const start = view.getUint32(4 + 4 * part, true);
    const end = part + 1 < parts ? view.getUint32(8 + 4 * part, true) : packed.length;
    if (packBits(packed.subarray(start, end), plane) < pixels) throw new Error("too few pixels");
    const back = size - 1 - (part % size); // the high byte comes first
    let at = Math.floor(part / size) * pixels * size + back;
    for (const byte of plane) {
      bytes[at] = byte;
      at += size;
    }
  }
  picture.apart = true;
  return integersOf(bytes.buffer, size);
}

/** Colours pixel by pixel, as red, green and blue.
 * @param {Picture} picture @param {Integers} data
 */
function inColour({ samples, apart, kind, height, width }, data) {
  if (samples === 1) return data;
  const found = data.slice();
  const size = height * width;
  if (apart) {
    for (let at = 0; at < found.length; at++) {
      found[at] = data[(at % samples) * size + Math.floor(at / samples)];
    }
  }
  if (!kind.startsWith("YBR_FULL")) return found;
  if (!(found instanceof Uint8Array)) throw new Error("colours of more than 8 bits");
  const rgb = new Uint8ClampedArray(found.buffer);
  for (let at = 0; at < rgb.length; at += 3) {
    const [light, blue, red] = [rgb[at], rgb[at + 1] - 128, rgb[at + 2] - 128];
    rgb[at] = light + 1.402 * red;
    rgb[at + 1] = light - (0.114 * 1.772 * blue + 0.299 * 1.402 * red) / 0.587;
    rgb[at + 2] = light + 1.772 * blue;
  }
  return found;
}

/** What the bits of the pixels mean by the header, or by what makes a smooth picture.
 * @param {Header} header @param {Integers} pixels @param {Picture} picture @returns {Integers}
 */
export function likelyNumbers(header, pixels, { height, width, stored, signed }) {
  const step = Math.max(1, Math.floor(pixels.length / MOST_JUDGED));
  const across = Math.min(width, MOST_JUDGED);
  const some = pixels.slice(0, Math.ceil(height / step) * across);
  for (let row = 0; row * step < height; row++) {
    const start = row * step * width;
    some.set(pixels.subarray(start, start + across), row * across);
  }
  const whole = 8 * pixels.BYTES_PER_ELEMENT;
  const signs = hasSigns(numbers(some, stored, 1)) ? [signed, 1 - signed] : [signed];
  const ways = [stored, whole].flatMap((one) => signs.map((sign) => [one, sign]));
  const [kept, sign] =
    ways[
      smoothest(
        ways.map(([one, by]) => numbers(some, one, by)),
        across,
      )
    ];
  if (kept !== stored) header.contradicted("BitsStored", say("all bits were"));
  if (sign !== signed) header.contradicted("PixelRepresentation", `${sign} was`);
  return numbers(pixels, kept, sign);
}

/** Whether more numbers are below 0 than a border of one number takes. @param {Integers} some */
function hasSigns(some) {
  const counts = new Map();
  let below = 0;
  let most = 0;
  for (const one of some) {
    if (one >= 0) continue;
    below += 1;
    const times = (counts.get(one) ?? 0) + 1;
    counts.set(one, times);
    if (times > most) most = times;
  }
  return below - most > LEAST_BELOW * some.length;
}

/** Those that the lower bits of pixels hold, with or without a sign.
 * @param {Integers} pixels @param {number} bits @param {number} signed @returns {Integers}
 */
function numbers(pixels, bits, signed) {
  const unused = Math.max(0, 8 * pixels.BYTES_PER_ELEMENT - bits);
  if (!unused && !signed) return pixels;
  const found = integersOf(pixels.slice().buffer, pixels.BYTES_PER_ELEMENT, signed === 1);
  const mask = 2 ** bits - 1;
  const shift = 32 - bits;
  for (let at = 0; unused && at < found.length; at++) {
    found[at] = signed ? (found[at] << shift) >> shift : found[at] & mask;
  }
  return found;
}

/**
 * Which of several readings of the same bytes is meant: the first, unless the steps from each
 * number to the next are far smaller in another, measured by how much its numbers vary.
 * @param {ArrayLike<number>[]} readings @param {number} width of their rows
 */
export function smoothest(readings, width = Infinity) {
  const rough = readings.map((one) => {
    const spread = deviation(one, 0, width);
    return spread ? deviation(one, 1, width) / spread : 1;
  });
  const best = rough.reduce((least, one, at) => (one < rough[least] ? at : least), 0);
  return FAR * rough[best] < rough[0] ? best : 0;
}

/** The standard deviation of numbers, or of the steps to them from those before in their row.
 * @param {ArrayLike<number>} of @param {0 | 1} back @param {number} width
 */
function deviation(of, back, width) {
  let sum = 0;
  let squares = 0;
  let found = 0;
  for (let at = 0, column = -1; at < of.length; at++) {
    column = column + 1 === width ? 0 : column + 1;
    if (column < back) continue;
    const one = back ? of[at] - of[at - 1] : of[at];
    sum += one;
    squares += one * one;
    found += 1;
  }
  return Math.sqrt(Math.max(0, squares / found - (sum / found) ** 2));
}
