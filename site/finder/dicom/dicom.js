/**
 * DICOM, the files that hospitals use, for `images`. Headers are written by hand and by machines of
 * forty years: each field is read by itself, and one that is damaged is left out with a note.
 */
import { bytesOf, count, find, latin1, standsAt, viewOf } from "../bytes.js";
import { say } from "../say.js";
import shared from "../shared.json";
import { DataError } from "../types.js";
import { storedGreys } from "./greys.js";
import { Header, detectorMm, sayings } from "./header.js";
import { BIG_ENDIAN, IMPLICIT, ITEM_BYTES, barePicture } from "./pixels.js";
import { PIXELS, isKind, opened, readFields } from "./reader.js";

/** @import { Stored } from "../types.js" */
/** @import { Fields, File } from "./reader.js" */
/** @typedef {{fields: Fields, meta: Fields, implicit: boolean, little: boolean}} Opened */

const { DEFLATED, KINDS, OTHER_MODALITIES, MOST_ITEMS, LIKELY_HEADER, MOST_HEADER } = shared.dicom;
const MARK = bytesOf("DICM");
const MARK_PLACE = 128;
const PIXEL_TAG = Uint8Array.of(0xe0, 0x7f, 0x10, 0);
const NOTHING = 0;
// How data sets begin where nothing stands before them: their first elements, and kinds of these.
/** @type {Record<number, number[]>} */
const FIRST = { 2: [0, 1, 2, 16], 8: [0, 1, 5, 8, 18, 19, 20, 22, 24, 32, 33, 35, 48, 96] };
const FIRST_KINDS = ["CS", "DA", "OB", "TM", "UI", "UL"];
const MOST_FIRST = 64; // bytes
// Words of `KINDS` by the class of a file: the start of its number, if it ends in a dot, or all.
const CLASSES = {
  "1.3.10": "Directory",
  "5.1.4.1.1.9.": "Waveform",
  10.3: "Waveform",
  "5.1.4.1.1.11.": "State",
  "5.1.4.1.1.66.4": "Segmentation",
  "5.1.4.1.1.66.5": "Segmentation",
  "5.1.4.1.1.88.59": "Key",
  "5.1.4.1.1.88.70": "Plan",
  "5.1.4.1.1.88.77": "Waveform",
  "5.1.4.1.1.88.": "SR",
  "5.1.4.1.1.104.": "Encapsulated",
  "5.1.4.1.1.481.3": "Structure",
  "5.1.4.1.1.481.5": "Plan",
  "5.1.4.1.1.481.8": "Plan",
};
const STANDARD = "1.2.840.10008.";

/** Whether a file begins as DICOM does without the 128 bytes in front. @param {Uint8Array} head */
export function startsDicom(head) {
  if (standsAt(head, MARK)) return true;
  if (head.length < 8) return false;
  const view = viewOf(head);
  const length = view.getUint32(4, true);
  const isFirst = (/** @type {boolean} */ little) =>
    FIRST[view.getUint16(0, little)]?.includes(view.getUint16(2, little)) ?? false;
  const isExplicit = FIRST_KINDS.includes(latin1(head.subarray(4, 6)));
  if (isExplicit && (isFirst(true) || isFirst(false))) return true;
  return isFirst(true) && length > 0 && length <= MOST_FIRST && length % 2 === 0;
}

/**
 * The radiograph in a DICOM file's content; `name` is what errors call it.
 *
 * The first table or window that shows the picture is applied to its rescaled numbers; without one
 * the numbers are as stored. Fields that are damaged or contradict the picture are left out, and
 * notes say so; of those that are missing they name what the picture cannot tell.
 * @param {Uint8Array} content @param {string} name
 * @returns {Promise<Stored>}
 * Raises: DataError if it is damaged, or is not one radiograph, or is compressed in a way that this
 *   page cannot read. Source: DICOM PS3.3, C.7.6.3, C.8.11 and C.11.
 */
export async function readDicom(content, name) {
  try {
    const file = openedFile(content, name);
    const { fields } = file;
    const header = new Header(fields);
    header.signed = header.numbers("PixelRepresentation")[0] === 1;
    const shape = checkedShape(header, new Header(file.meta), name);
    const spacingMm = detectorMm(header, [shape[0], shape[1]]);
    const found = await storedGreys(header, barePicture(header, file, shape), name);
    return { ...found, spacingMm, notes: [...header.notes, ...sayings(header)] };
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(say("{} cannot be read as DICOM", name), { cause: error });
  }
}

/** What is read of a file. @param {Uint8Array} content @param {string} name @returns {Opened} */
function openedFile(content, name) {
  const start = content.subarray(0, LIKELY_HEADER + MOST_HEADER);
  let end = find(start.subarray(0, LIKELY_HEADER), PIXEL_TAG);
  if (end < 0) end = find(start, PIXEL_TAG);
  // each item takes as long as a field
  if (count(start.subarray(0, end < 0 ? start.length : end), ITEM_BYTES) > MOST_ITEMS) {
    throw new DataError(say("{} holds a list of over", name, MOST_ITEMS));
  }
  const place = [0, MARK_PLACE].find((one) => standsAt(content, MARK, one));
  const file = opened(content, place === undefined ? 0 : place + MARK.length);
  const meta = readFields(file, false, true, (tag) => tag >>> 16 !== 2);
  const syntax = new Header(meta).text("TransferSyntaxUID");
  if (syntax === DEFLATED) {
    throw new DataError(say("{} is a deflated DICOM file", name));
  }
  const commands = readFields(file, true, true, (tag) => tag >>> 16 !== 0);
  const [implicit, little] = encoding(file, syntax);
  const kinds = new Map();
  const fields = readFields(file, implicit, little, (tag, kind) => {
    kinds.set(tag, kind);
    return tag === NOTHING;
  });
  commands.forEach((element, tag) => fields.set(tag, element));
  const all = [...kinds.values()];
  if (!fields.size || (!kinds.has(PIXELS) && all.includes(null) && all.some(Boolean))) {
    throw new Error("it holds no field, or the kind of one is damaged");
  }
  return { fields, meta, implicit, little };
}

/** Whether no kinds are written, and the low bytes come first. @param {File} file
 * @param {string} syntax @returns {[boolean, boolean]}
 */
function encoding(file, syntax) {
  if (syntax) return [syntax === IMPLICIT, syntax !== BIG_ENDIAN];
  if (file.bytes.length - file.place < 6) return [true, true];
  const kind = latin1(file.bytes.subarray(file.place + 4, file.place + 6));
  const isBig = file.view.getUint16(file.place, true) >= 1024; // 4 or 8, read the wrong way round
  return isKind(kind) ? [false, !isBig] : [true, true];
}

/** (height, width, samples) of what may be a radiograph.
 * @param {Header} header @param {Header} meta @param {string} name
 * @returns {[number, number, number]}
 */
function checkedShape(header, meta, name) {
  checkKind(header, meta, name);
  if (header.element("FloatPixelData") || header.element("DoubleFloatPixelData")) {
    throw new DataError(say("{} stores its pixels as fractions", name));
  }
  if (!header.element("PixelData")) {
    throw new DataError(say("{} is a DICOM file without a picture", name));
  }
  const frames = header.number("NumberOfFrames", 1);
  if (frames > 1) throw new DataError(say("{} holds {:.0f} pictures", name, frames));
  const height = Math.trunc(header.number("Rows", 0));
  const width = Math.trunc(header.number("Columns", 0));
  const kind = header.text("PhotometricInterpretation").toUpperCase();
  const usual = shared.pixels.COLOURS.includes(kind) ? 3 : 1;
  const samples = Math.trunc(header.number("SamplesPerPixel", usual));
  if (Math.min(height, width) <= 0 || ![1, 3, 4].includes(samples)) {
    throw new DataError(say("{} does not say how large its picture is", name));
  }
  if (height * width * samples > shared.types.MOST_PIXELS) {
    const said = "{} claims to be {} x {} pixels: export it again";
    throw new DataError(say(said, name, height, width));
  }
  return [height, width, samples];
}

/** @param {Header} header @param {Header} meta @param {string} name */
function checkKind(header, meta, name) {
  const kind = header.text("SOPClassUID") || meta.text("MediaStorageSOPClassUID");
  const modality = String(header.items("Modality")[0] ?? "")
    .trim()
    .toUpperCase();
  const known = Object.entries(CLASSES).find(([start]) =>
    start.endsWith(".") ? kind.startsWith(STANDARD + start) : kind === STANDARD + start,
  );
  for (const word of [known?.[1] ?? "", ...kind.split(" "), modality]) {
    if (Object.hasOwn(KINDS, word)) {
      const said = /** @type {Record<string, string>} */ (KINDS)[word];
      throw new DataError(say("{} is a DICOM {}, not an X-ray", name, said));
    }
  }
  if (OTHER_MODALITIES.includes(modality)) {
    throw new DataError(say("{} is of modality", name, modality));
  }
}
