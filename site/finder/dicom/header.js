/** The fields of a DICOM header, each read by itself, and what it says of the picture. */
import { latin1, viewOf } from "../bytes.js";
import { say } from "../say.js";
import shared from "../shared.json";
import { opened, readItems } from "./reader.js";

/** @import { Element, Fields } from "./reader.js" */
/** @import { Spacing } from "../types.js" */
/** @typedef {number | string | Fields} Value */

// Their tags, and their kinds where a file writes none; US and SS differ by the sign of the pixels.
/** @type {Record<string, [number, string]>} */
const FIELDS = {
  MediaStorageSOPClassUID: [0x00020002, "UI"],
  TransferSyntaxUID: [0x00020010, "UI"],
  SOPClassUID: [0x00080016, "UI"],
  Modality: [0x00080060, "CS"],
  PresentationIntentType: [0x00080068, "CS"],
  CodeMeaning: [0x00080104, "LO"],
  AnatomicRegionSequence: [0x00082218, "SQ"],
  BodyPartExamined: [0x00180015, "CS"],
  ImagerPixelSpacing: [0x00181164, "DS"],
  NominalScannedPixelSpacing: [0x00182010, "DS"],
  ViewPosition: [0x00185101, "CS"],
  PatientOrientation: [0x00200020, "CS"],
  SamplesPerPixel: [0x00280002, "US"],
  PhotometricInterpretation: [0x00280004, "CS"],
  PlanarConfiguration: [0x00280006, "US"],
  NumberOfFrames: [0x00280008, "IS"],
  Rows: [0x00280010, "US"],
  Columns: [0x00280011, "US"],
  PixelSpacing: [0x00280030, "DS"],
  BitsAllocated: [0x00280100, "US"],
  BitsStored: [0x00280101, "US"],
  HighBit: [0x00280102, "US"],
  PixelRepresentation: [0x00280103, "US"],
  PixelPaddingValue: [0x00280120, "US or SS"],
  PixelPaddingRangeLimit: [0x00280121, "US or SS"],
  WindowCenter: [0x00281050, "DS"],
  WindowWidth: [0x00281051, "DS"],
  RescaleIntercept: [0x00281052, "DS"],
  RescaleSlope: [0x00281053, "DS"],
  VOILUTFunction: [0x00281056, "CS"],
  RedPaletteColorLookupTableDescriptor: [0x00281101, "US or SS"],
  RedPaletteColorLookupTableData: [0x00281201, "OW"],
  GreenPaletteColorLookupTableData: [0x00281202, "OW"],
  BluePaletteColorLookupTableData: [0x00281203, "OW"],
  ModalityLUTSequence: [0x00283000, "SQ"],
  LUTDescriptor: [0x00283002, "US or SS"],
  LUTData: [0x00283006, "OW"],
  VOILUTSequence: [0x00283010, "SQ"],
  ViewCodeSequence: [0x00540220, "SQ"],
  PresentationLUTShape: [0x20500020, "CS"],
  FloatPixelData: [0x7fe00008, "OF"],
  DoubleFloatPixelData: [0x7fe00009, "OD"],
  PixelData: [0x7fe00010, "OW"],
};
/** @type {Record<string, [number, (view: DataView, at: number, little: boolean) => number]>} */
const NUMBERS = {
  US: [2, (view, at, little) => view.getUint16(at, little)],
  SS: [2, (view, at, little) => view.getInt16(at, little)],
  UL: [4, (view, at, little) => view.getUint32(at, little)],
  SL: [4, (view, at, little) => view.getInt32(at, little)],
  FL: [4, (view, at, little) => view.getFloat32(at, little)],
  FD: [8, (view, at, little) => view.getFloat64(at, little)],
};
const MOST_VALUE = 2 ** 20; // bytes of one value that are looked at
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const UNPRINTABLE = /(?! )[\p{C}\p{Z}]/gu;

/** The fields of a file or an item, each read by itself, and notes on those that are damaged. */
export class Header {
  /** @param {Fields} fields @param {boolean} signed whether the pixels have a sign */
  constructor(fields, signed = false) {
    this.fields = fields;
    this.signed = signed;
    /** @type {string[]} */
    this.notes = [];
  }

  /** @param {string} field @returns {Element | undefined} */
  element(field) {
    return this.fields.get(FIELDS[field][0]);
  }

  /** What a field holds, one by one; nothing where it is absent or empty.
   * @param {string} field @returns {Value[]}
   */
  items(field) {
    const element = this.element(field);
    if (!element) return [];
    const found = this.values(element, FIELDS[field][1]);
    return found.every((one) => one === "") ? [] : found;
  }

  /** @param {Element} element @param {string} usual its kind @returns {Value[]} */
  values(element, usual) {
    let kind = element.kind && element.kind !== "UN" ? element.kind : usual;
    if (kind === "US or SS") kind = this.signed ? "SS" : "US";
    const { items, implicit, little } = element;
    const value = element.value.subarray(0, MOST_VALUE);
    if (items) return items;
    if (kind === "SQ") {
      try {
        return readItems(opened(element.value), implicit, little, element.value.length);
      } catch {
        return latin1(value).split("\\"); // as the package does
      }
    }
    const [size, read] = NUMBERS[kind] ?? [0, null];
    if (read && value.length % size === 0) {
      const view = viewOf(value);
      return Array.from({ length: value.length / size }, (_, at) => read(view, at * size, little));
    }
    return latin1(value)
      .split("\\")
      .map((one) => one.replace(/[ \0]+$/, ""));
  }

  /** A field as one text, empty where it is absent; an escape to other letters ends it.
   * @param {string} field
   */
  text(field) {
    const said = this.items(field).map(String).join(" ").split("\x1b")[0];
    return said.replace(UNPRINTABLE, " ").split(" ").filter(Boolean).join(" ");
  }

  /** The numbers of a field, null for each that is damaged.
   * @param {string} field @returns {(number | null)[]}
   */
  numbers(field) {
    return this.items(field).map(number);
  }

  /** The only number of a field; `usual` where it is absent or, with a note, damaged.
   * @template {number | null} T
   * @param {string} field @param {T} usual @param {string} instead
   * @returns {number | T}
   */
  number(field, usual, instead = "") {
    const found = this.numbers(field);
    if (found.length === 1 && found[0] !== null) return found[0];
    if (found.length) {
      const used = instead || say("{} was used", String(usual));
      this.notes.push(say("{} is damaged: {}", title(field), used));
    }
    return usual;
  }

  /** A note that a field is not believed. @param {string} field @param {string} instead */
  contradicted(field, instead, what = "the picture") {
    this.notes.push(say("{} contradicts {}: {} used", title(field), what, instead));
  }
}

/** @param {Value} value @returns {number | null} */
function number(value) {
  const text = typeof value === "string" ? value.replace(/^[\0 ]+|[\0 ]+$/g, "").trim() : "";
  const found = typeof value === "number" ? value : DECIMAL.test(text) ? Number(text) : NaN;
  return Math.abs(found) <= shared.header.LARGEST ? found : null;
}

/** A field as the standard calls it: "Imager Pixel Spacing". @param {string} field */
export function title(field) {
  const words = field.replace(/([a-z])(?=[A-Z])|([A-Z])(?=[A-Z][a-z])/g, "$& ");
  return words.replace(/ (Of|Per) /, (word) => word.toLowerCase());
}

/** The size of a pixel on the detector: the first of `SPACINGS` that is likely.
 * @param {Header} header @param {[number, number]} shape (height, width) of the picture in pixels
 * @returns {Spacing | null}
 */
export function detectorMm(header, shape) {
  const [least, most] = shared.header.LIKELY_MM;
  const damaged = [];
  /** @type {Spacing | null} */
  let spacing = null;
  let instead = say("no areas in cm2");
  for (const field of shared.header.SPACINGS) {
    const found = header.numbers(field);
    const sides = found.slice(0, 2).map((mm, axis) => (mm ?? 0) * shape[axis]);
    if (found.length === 2 && Math.min(...sides) >= least && Math.max(...sides) <= most) {
      spacing = [found[0] ?? 0, found[1] ?? 0];
      instead = say("{} was used", title(field));
      break;
    }
    if (found.length) damaged.push(field);
  }
  header.notes.push(...damaged.map((one) => say("{} is damaged: {}", title(one), instead)));
  return spacing;
}

/** What the header says against a frontal chest X-ray.
 * @param {Header} header @returns {string[]}
 */
export function sayings(header) {
  const { CHEST, SIDE_VIEW, TURNS, ORIENTATION } = shared.header;
  const view = viewSaid(header);
  const ways = header.items(ORIENTATION);
  const part = header.text("BodyPartExamined") || meaning(header, "AnatomicRegionSequence");
  const isChest =
    [...part].some((one) => one > "\x7f") ||
    !part ||
    CHEST.some((word) => part.toUpperCase().includes(word));
  const way = ways.map((one) => String(one).trim().slice(0, 1).toUpperCase() || "?").join("");
  const turn = Object.entries(TURNS).find(([start]) => way.startsWith(start))?.[1] ?? "";
  const isRaw = header.text("PresentationIntentType").toUpperCase() === "FOR PROCESSING";
  const found = [
    view,
    isChest ? "" : say("this is not a chest ({})", part.slice(0, 16)),
    turn === SIDE_VIEW && view ? "" : turn,
    isRaw ? say("it is raw, meant for processing") : "",
  ];
  return found.filter(Boolean).map((one) => say("the header says that {}", one));
}

/** @param {Header} header */
function viewSaid(header) {
  const { SIDE_VIEWS, OBLIQUE_VIEWS, SIDE_VIEW } = shared.header;
  for (const said of [header.text("ViewPosition"), meaning(header, "ViewCodeSequence")]) {
    const words = said.toUpperCase().match(/[A-Z]+/g) ?? [];
    const isSide = words.some((word) => SIDE_VIEWS.includes(word));
    if (isSide && !words.some((word) => word.startsWith("DECUB"))) {
      return `${SIDE_VIEW} (${said.slice(0, 16)})`;
    }
    if (words.some((word) => OBLIQUE_VIEWS.includes(word))) {
      return say("this is an oblique view ({})", said.slice(0, 16));
    }
  }
  return "";
}

/** What the first code of a field means. @param {Header} header @param {string} field */
function meaning(header, field) {
  const [code] = header.items(field);
  return code instanceof Map ? new Header(code).text("CodeMeaning") : "";
}
