/**
 * The only reader, from a file's bytes to an `Xray`. What a file is shows in its content, not in
 * its name: `FORMATS` has a line for each format. All of them give `Stored`, the numbers of the
 * file, which `grey` makes an image of.
 */
import { bytesOf, count, latin1, standsAt, viewOf } from "./bytes.js";
import { readDicom, startsDicom } from "./dicom/dicom.js";
import { scaled } from "./grey.js";
import { JPEG_BYTES, SCAN_BYTES, decodeJpeg, isComplete, jpegFrame, wholeHead } from "./jpeg.js";
import { decodePng } from "./png.js";
import { say } from "./say.js";
import shared from "./shared.json";
import { decodeTiff, tiffHead } from "./tiff.js";
import { DataError, stored } from "./types.js";

/** @import { Stored, Xray } from "./types.js" */
/**
 * @typedef {object} Format
 * @property {string} name
 * @property {(content: Uint8Array) => boolean} fits
 * @property {(content: Uint8Array, name: string) => Promise<Stored> | Stored} decode
 */

const { MOST_CHANNELS, MOST_SCANS, PNG_HEAD, JSRT_SHAPE, JSRT_MM, JSRT_LARGEST, HEAD } =
  shared.images;
const MOST_CLAIMED = 178_956_970; // pixels from which Pillow takes a picture for a bomb
const PNG = bytesOf("\x89PNG\r\n\x1a\n");
const PNG_END = bytesOf("IEND\xaeB`\x82");
const POINTER = bytesOf("version https://git-lfs.github.com/spec/v1");
const TIFFS = ["II*\0", "MM\0*", "II+\0", "MM\0+"].map(bytesOf);
const LOSSLESS = 0xc3;
const DICOM = bytesOf("DICM");
const DICOM_PLACE = 128;

/** @type {Format[]} the first that fits counts: a mark cannot be there by chance, and a size can */
const FORMATS = [
  { name: "PNG", fits: (content) => standsAt(content, PNG), decode: png },
  { name: "JPEG", fits: (content) => standsAt(content, JPEG_BYTES), decode: jpeg },
  { name: "TIFF", fits: (content) => TIFFS.some((one) => standsAt(content, one)), decode: tiff },
  { name: "DICOM", fits: (content) => startsDicom(content.subarray(0, HEAD)), decode: readDicom },
  {
    name: "",
    fits: (content) => content.length === 2 * JSRT_SHAPE[0] * JSRT_SHAPE[1],
    decode: jsrt,
  },
];

/**
 * The X-ray in a file's content; `name` is what errors call it.
 * @param {Uint8Array} bytes @param {string} name @returns {Promise<Xray>}
 * Raises: DataError if it is of another format, damaged, huge, of one grey, a mask, or compressed
 *   in a way that this page cannot read
 */
export async function decodeXray(bytes, name) {
  if (bytes.length > shared.images.MOST_BYTES) {
    throw new DataError(say("{} is larger than", name, shared.images.MOST_BYTES / 2 ** 20));
  }
  const isMarked = standsAt(bytes, DICOM, DICOM_PLACE);
  const decode = isMarked ? readDicom : FORMATS.find((one) => one.fits(bytes))?.decode;
  if (!decode) throw unread(bytes, name);
  return scaled(await decode(bytes, name), name);
}

/** The error of a file that is not read: what it is, or else its fault.
 * @param {Uint8Array} content @param {string} name
 */
function unread(content, name, fault = "") {
  const frame = jpegFrame(content);
  const [end, ...names] = FORMATS.map((one) => one.name)
    .filter(Boolean)
    .reverse();
  if (!content.length) fault = say("is empty");
  else if (standsAt(content, POINTER)) fault = say("is a Git LFS pointer");
  else if (frame && (frame.kind === LOSSLESS || frame.bits > 8)) {
    const kind =
      frame.kind === LOSSLESS ? say("lossless JPEG") : say("JPEG of {} bits", frame.bits);
    fault = say("is a {}: export it as PNG", kind);
  }
  const formats = say("{} or {}", names.reverse().join(", "), end);
  return new DataError(`${name} ${fault || say("is no {} file", formats)}`);
}

/** @param {number} height @param {number} width @param {string} name */
function checkSize(height, width, name, channels = 1) {
  const size = height * width;
  if (!(size > 0 && size <= shared.types.MOST_PIXELS) || channels > MOST_CHANNELS) {
    const said = say("claims to be {} x {} pixels: export it again, or smaller", height, width);
    throw new DataError(`${name} ${said}`);
  }
}

/** @param {Uint8Array} content @param {string} name */
async function png(content, name) {
  if (content.length < PNG_HEAD || !isWholePng(content)) {
    throw new DataError(say("{} is cut short", name));
  }
  const view = viewOf(content);
  checkSize(view.getUint32(PNG_HEAD - 4), view.getUint32(PNG_HEAD - 8), name);
  try {
    return await decodePng(content);
  } catch (error) {
    throw new DataError(say("{} is damaged and cannot be decoded", name), { cause: error });
  }
}

/** Whether it ends as PNGs do; bytes may follow the end. @param {Uint8Array} content */
function isWholePng(content) {
  if (standsAt(content, PNG_END, content.length - PNG_END.length)) return true;
  const view = viewOf(content);
  let place = PNG.length;
  while (/^[A-Za-z]+$/.test(latin1(content.subarray(place + 4, place + 8)))) {
    const length = view.getUint32(place);
    if (standsAt(content, PNG_END, place + 4 + length)) return true;
    place += 12 + length;
  }
  return false;
}

/** @param {Uint8Array} content @param {string} name */
async function jpeg(content, name) {
  const scans = count(content, SCAN_BYTES); // each takes as long as a whole picture
  if (scans > MOST_SCANS) throw new DataError(say("{} is a JPEG of {} scans", name, scans));
  const frame = wholeHead(content);
  if (!frame || frame.bits > 8) throw unread(content, name, say("cannot be decoded"));
  const { height, width, samples } = frame;
  if (height * width > MOST_CLAIMED) throw new DataError(say("{} claims more pixels", name));
  checkSize(height, width, name, samples);
  try {
    if (!isComplete(content)) throw new Error("no end");
    const { data, channels } = await decodeJpeg(content, frame);
    return stored(data, height, width, channels);
  } catch {
    throw unread(content, name, say("is cut short or damaged"));
  }
}

/** @param {Uint8Array} content @param {string} name */
async function tiff(content, name) {
  let head;
  try {
    head = tiffHead(content);
  } catch (error) {
    throw new DataError(say("{} cannot be decoded", name), { cause: error });
  }
  checkSize(head.height, head.width, name, head.samples);
  if (head.samples > 1 && head.bits > 8 && head.isApart) {
    throw new DataError(say("{} stores its colours separately", name));
  }
  try {
    return await decodeTiff(content, head);
  } catch {
    throw new DataError(`${name} ${say("is damaged, or a TIFF that cannot be read")}`);
  }
}

/** A film of the JSRT set as it is distributed: no header, large numbers dark.
 * @param {Uint8Array} content @param {string} name @returns {Stored}
 */
function jsrt(content, name) {
  const [height, width] = JSRT_SHAPE;
  const pixels = new Uint16Array(height * width);
  for (let at = 0; at < pixels.length; at++) {
    pixels[at] = (content[2 * at] << 8) | content[2 * at + 1];
    if (pixels[at] > JSRT_LARGEST) throw unread(content, name);
  }
  const [row, column] = JSRT_MM;
  return stored(pixels, height, width, 1, {
    full: [0, JSRT_LARGEST],
    inverted: true,
    spacingMm: [row, column],
  });
}
