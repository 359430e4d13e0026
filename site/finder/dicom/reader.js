/**
 * The elements of a DICOM file, one by one, exactly as far as pydicom reads a damaged file: the
 * libraries for browsers give up on files that the package reads, and read some that it refuses.
 * Source: DICOM PS3.5, 7; `pydicom.filereader`.
 *
 * @typedef {{bytes: Uint8Array, view: DataView, place: number}} File
 * @typedef {object} Element
 * @property {number} tag
 * @property {string | null} kind two letters; null where none are written
 * @property {Uint8Array} value
 * @property {Fields[] | null} items of a list that was read along with the file
 * @property {boolean} implicit
 * @property {boolean} little
 *
 * @typedef {Map<number, Element>} Fields
 * @typedef {(tag: number, kind: string | null) => boolean} Stop whether reading ends before it
 */
import { find, latin1, viewOf } from "../bytes.js";

export const ITEM = 0xfffee000;
const END_OF_ITEM = 0xfffee00d;
const END_OF_LIST = 0xfffee0dd;
const UNKNOWN = 0xffffffff; // length
export const PIXELS = 0x7fe00010;
const SHORT = "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split(" ");
const LONG = "OB OD OF OL OV OW SQ SV UC UN UR UT UV".split(" "); // whose length has 32 bits
const KINDS = [...SHORT, ...LONG];

class EndOfFile extends Error {}

/** @param {Uint8Array} bytes @returns {File} */
export const opened = (bytes, place = 0) => ({ bytes, view: viewOf(bytes), place });

/** Whether two letters are a kind of element. @param {string} letters */
export const isKind = (letters) => KINDS.includes(letters);

/** The fields from the file's place on.
 * @param {File} file @param {boolean} implicit @param {boolean} little
 * @param {Stop | null} stop @param {number} length in bytes
 * @returns {Fields}
 */
export function readFields(file, implicit, little, stop, length = Infinity, isItem = false) {
  const start = file.place;
  const isImplicit = foundImplicit(file, implicit, little, stop, isItem);
  /** @type {Fields} */
  const fields = new Map();
  try {
    while (file.place - start < length) {
      const element = readElement(file, isImplicit, little, stop);
      if (!element) break;
      fields.set(element.tag, element);
    }
  } catch (error) {
    if (!(error instanceof EndOfFile)) throw error;
    if (length === Infinity) fields.clear(); // as pydicom does
  }
  return fields;
}

/** @param {File} file @param {boolean} assumed @param {boolean} little @param {Stop | null} stop
 * @param {boolean} isItem
 */
function foundImplicit(file, assumed, little, stop, isItem) {
  if ((isItem && assumed) || file.bytes.length - file.place < 6) return assumed;
  const isLetter = (/** @type {number} */ byte) => byte > 0x40 && byte < 0x5b;
  const kind = file.bytes.subarray(file.place + 4, file.place + 6);
  const found = !kind.every(isLetter);
  if (found !== assumed) stop?.(readTag(file, little), latin1(kind)); // as pydicom does
  return found;
}

/** @param {File} file @param {boolean} little */
function readTag(file, little) {
  const { view, place } = file;
  return ((view.getUint16(place, little) << 16) | view.getUint16(place + 2, little)) >>> 0;
}

/**
 * @param {File} file @param {boolean} implicit @param {boolean} little @param {Stop | null} stop
 * @returns {Element | null} null where the fields end
 */
function readElement(file, implicit, little, stop) {
  const { bytes, view } = file;
  const start = file.place;
  if (bytes.length - start < 8) {
    file.place = Math.max(start, bytes.length);
    return null;
  }
  const tag = readTag(file, little);
  let kind = implicit ? null : latin1(bytes.subarray(start + 4, start + 6));
  if (kind && !KINDS.includes(kind) && !(kind >= "AA" && kind <= "ZZ")) kind = null;
  let length = kind ? view.getUint16(start + 6, little) : view.getUint32(start + 4, little);
  file.place += 8;
  if (kind && LONG.includes(kind)) {
    length = view.getUint32(file.place, little);
    file.place += 4;
  }
  if (tag === END_OF_ITEM) return null;
  if (stop?.(tag, kind)) {
    file.place = start;
    return null;
  }
  const element = { tag, kind, implicit, little, items: null, value: new Uint8Array(0) };
  if (length !== UNKNOWN) return { ...element, value: readBytes(file, length) };
  if (kind === "UN" || kind === "SQ" || (!kind && startsList(file, tag, little))) {
    return { ...element, kind: "SQ", items: readItems(file, implicit, little) };
  }
  return { ...element, value: readPieces(file, little) };
}

/** @param {File} file @param {number} length */
function readBytes(file, length) {
  const value = file.bytes.subarray(file.place, file.place + length);
  file.place += value.length;
  return value;
}

/** @param {File} file @param {number} tag @param {boolean} little */
function startsList(file, tag, little) {
  return tag !== PIXELS && readTag(file, little) === ITEM;
}

/** The items of a list. @param {File} file @param {boolean} implicit @param {boolean} little
 * @returns {Fields[]}
 */
export function readItems(file, implicit, little, end = Infinity) {
  const items = [];
  while (file.place < end) {
    const tag = readTag(file, little);
    const length = file.view.getUint32(file.place + 4, little);
    file.place += 8;
    if (tag === END_OF_LIST) break;
    const size = length === UNKNOWN ? Infinity : length;
    items.push(readFields(file, implicit, little, null, size, true));
  }
  return items;
}

/** A value of unknown length: pieces up to the mark of its end.
 * @param {File} file @param {boolean} little
 */
function readPieces(file, little) {
  const { bytes, place: start } = file;
  let end = start;
  let tag = 0;
  while (end + 8 <= bytes.length) {
    tag = readTag({ ...file, place: end }, little);
    if (tag !== ITEM) break;
    end += 8 + file.view.getUint32(end + 4, little);
  }
  if (tag !== END_OF_LIST || end + 4 > bytes.length) {
    end = find(
      bytes,
      Uint8Array.from(little ? [0xfe, 0xff, 0xdd, 0xe0] : [0xff, 0xfe, 0xe0, 0xdd]),
      start,
    );
    if (end < 0) throw new EndOfFile();
  }
  file.place = Math.min(end + 8, bytes.length);
  return bytes.subarray(start, end);
}
