/** Which greys a DICOM file means: padding, tables and windows. */
import { viewOf } from "../bytes.js";
import { say } from "../say.js";
import shared from "../shared.json";
import { DataError, stored } from "../types.js";
import { Header } from "./header.js";
import { decodedPixels, likelyNumbers, smoothest } from "./pixels.js";

/** @import { Stored } from "../types.js" */
/** @import { Value } from "./header.js" */
/** @import { Integers } from "../bytes.js" */
/** @import { Picture } from "./pixels.js" */
/**
 * @typedef {{data: Float32Array | Uint16Array, full: [number, number]}} Shown
 * @typedef {{title: string, show: (values: Float64Array) => Shown, isWindow: boolean}} Look
 */

const { LEAST_SHOWN, MOST_HIDDEN, MOST_LOOKS } = shared.greys;
const MOST_LEVELS = 2 ** 16;
const EDGE = 0.01;

/** The numbers of a picture as the header means them to be shown.
 * @param {Header} header @param {Picture} picture @param {string} name @returns {Promise<Stored>}
 * Raises: as `decodedPixels`
 */
export async function storedGreys(header, picture, name) {
  const { height, width, kind } = picture;
  const decoded = await decodedPixels(picture, name);
  if (kind === "PALETTE COLOR") return stored(coloured(header, decoded.data), height, width, 3);
  if (decoded.channels > 1) {
    const isExact = decoded.data instanceof Uint8Array || decoded.data instanceof Uint16Array;
    const data = isExact ? decoded.data : new Float32Array(decoded.data);
    return stored(data, height, width, decoded.channels);
  }
  const pixels = likelyNumbers(header, decoded.data, picture);
  const used = unpadded(header, pixels);
  const [first, last] = ends(pixels);
  if (last - first >= MOST_LEVELS) {
    throw new DataError(`${name} ${say("has greys of over 16 bits")}`);
  }
  const levels = Float64Array.from({ length: last - first + 1 }, (_, at) => first + at);
  const { values, isTable } = rescaled(header, levels); // instead of millions of pixels
  const shown = firstShown(header, values, sampled(pixels, picture, used, first, values.length));
  const inverted = kind === "MONOCHROME1";
  const shape = header.text("PresentationLUTShape").toUpperCase();
  if (shape === (inverted ? "IDENTITY" : "INVERSE")) {
    header.contradicted("PresentationLUTShape", `${kind} was`, "Photometric Interpretation");
  }
  if (shown) {
    const { data, full } = shown;
    return stored(picked(data, pixels, first), height, width, 1, { full, inverted, used });
  }
  if (isTable) {
    const data = picked(Uint16Array.from(values), pixels, first);
    return stored(data, height, width, 1, { inverted, used });
  }
  const falls = values[0] > values[values.length - 1];
  return stored(pixels, height, width, 1, { inverted: inverted !== falls, used });
}

/** @param {Integers} pixels */
function ends(pixels) {
  let first = pixels[0];
  let last = first;
  for (const one of pixels) {
    if (one < first) first = one;
    if (one > last) last = one;
  }
  return [first, last];
}

/** What a table holds for each pixel; its first entry is for the number `first`.
 * @template {Float32Array | Uint16Array} T
 * @param {T} table @param {Integers} pixels @param {number} first @returns {T}
 */
function picked(table, pixels, first) {
  const found = /** @type {T} */ (
    table instanceof Float32Array ? new Float32Array(pixels.length) : new Uint16Array(pixels.length)
  );
  for (let at = 0; at < found.length; at++) found[at] = table[pixels[at] - first];
  return found;
}

/** How many of a sample of pixels hold each number.
 * @param {Integers} pixels @param {Picture} picture @param {Uint8Array | null} used
 * @param {number} first @param {number} levels
 */
function sampled(pixels, { height, width }, used, first, levels) {
  const counts = new Float64Array(levels);
  const step = Math.max(
    1,
    Math.floor(Math.sqrt(Math.floor(pixels.length / shared.pixels.MOST_JUDGED))),
  );
  for (let row = 0; row < height; row += step) {
    for (let at = row * width; at < (row + 1) * width; at += step) {
      if (!used || used[at]) counts[pixels[at] - first] += 1;
    }
  }
  return counts;
}

/** The colours of numbers that stand for them. @param {Header} header @param {Integers} pixels */
function coloured(header, pixels) {
  const described = header.numbers("RedPaletteColorLookupTableDescriptor");
  const [size, first] = described.map((one) => one ?? 0);
  const entries = (size < 0 ? size + 2 ** 16 : size) || 2 ** 16;
  const tables = ["Red", "Green", "Blue"].map((name) => {
    const bytes = header.element(`${name}PaletteColorLookupTableData`)?.value.slice();
    const wide = bytes?.length === 2 * entries;
    if (!bytes || (!wide && Math.round(bytes.length / entries) !== 1)) throw new Error("no table");
    return wide ? new Uint16Array(bytes.buffer) : bytes;
  });
  const isWide = tables[0] instanceof Uint16Array;
  const wrap = isWide ? 0xffff : 0xff;
  const found = new (isWide ? Uint16Array : Uint8Array)(3 * pixels.length);
  for (let at = 0; at < pixels.length; at++) {
    const place = pixels[at] < first ? 0 : Math.min((pixels[at] - first) & wrap, entries - 1);
    for (let channel = 0; channel < 3; channel++) {
      found[3 * at + channel] = tables[channel][place];
    }
  }
  return found;
}

/** Where the picture is, if something is padded. @param {Header} header @param {Integers} pixels
 * @returns {Uint8Array | null}
 */
function unpadded(header, pixels) {
  const instead = say("padding may show");
  const value = header.number("PixelPaddingValue", null, instead);
  if (value === null) return null;
  const limit = header.number("PixelPaddingRangeLimit", value, instead);
  const size = 2 ** (8 * pixels.BYTES_PER_ELEMENT);
  const start = /^Int/.test(pixels.constructor.name) ? -size / 2 : 0;
  // numbers below 0 are written as if they had no sign, and the other way round
  const wrapped = [value, limit].map(
    (end) => ((((Math.trunc(end) - start) % size) + size) % size) + start,
  );
  const low = Math.min(...wrapped);
  const high = Math.max(...wrapped);
  const used = new Uint8Array(pixels.length);
  let inside = 0;
  for (let at = 0; at < used.length; at++) {
    if (pixels[at] < low || pixels[at] > high) {
      used[at] = 1;
      inside += 1;
    }
  }
  if (!inside) header.notes.push(say("Pixel Padding Value covers the whole picture"));
  return inside && inside < used.length ? used : null;
}

/** The numbers after the modality's table or line; whether it was a table.
 * @param {Header} header @param {Float64Array} values
 */
function rescaled(header, values) {
  const [item] = header.items("ModalityLUTSequence");
  if (item !== undefined) {
    try {
      return {
        values: Float64Array.from(lookedUp(item, values, header.signed).data),
        isTable: true,
      };
    } catch {
      header.notes.push(say("Modality LUT is damaged"));
      return { values, isTable: false };
    }
  }
  let slope = header.number("RescaleSlope", 1);
  if (slope === 0) {
    header.notes.push(say("Rescale Slope is 0"));
    slope = 1;
  }
  const intercept = header.number("RescaleIntercept", 0);
  return { values: values.map((one) => one * slope + intercept), isTable: false };
}

/** The numbers as the first table or window shows them that shows the picture; null if none does.
 * @param {Header} header @param {Float64Array} values @param {Float64Array} counts of a sample
 * @returns {Shown | null}
 */
function firstShown(header, values, counts) {
  for (const { title, show, isWindow } of looks(header).slice(0, MOST_LOOKS)) {
    let fault = "is damaged";
    try {
      const shown = show(values);
      fault = badlyShown(shown, values, counts, isWindow);
      if (!fault) return shown;
    } catch {
      // as it is said
    }
    header.notes.push(say("{} {} and was left out", title, fault));
  }
  return null;
}

/** @param {Header} header @returns {Look[]} */
function looks(header) {
  const tables = header.items("VOILUTSequence").map((item, at) => ({
    title: say("VOI LUT {}", at + 1),
    isWindow: false,
    show: (/** @type {Float64Array} */ values) => lookedUp(item, values, header.signed),
  }));
  const named = header.text("VOILUTFunction") || "LINEAR";
  const centers = header.numbers("WindowCenter");
  const widths = header.numbers("WindowWidth");
  const longer = centers.length > widths.length ? centers : widths;
  return [
    ...tables,
    ...longer.map((_, at) => ({
      title: `Window ${at + 1}`,
      isWindow: true,
      show: (/** @type {Float64Array} */ values) =>
        windowed(centers[at], widths[at], named, values),
    })),
  ];
}

/** What a table makes of numbers.
 * @param {Value} item @param {Float64Array} values @param {boolean} signed @returns {Shown}
 * Raises: an error if it is damaged
 */
function lookedUp(item, values, signed) {
  if (!(item instanceof Map)) throw new Error("no item");
  const header = new Header(item, signed);
  const described = header.numbers("LUTDescriptor");
  const [size, start, bits] = described.map((one) => Math.trunc(one ?? NaN));
  if (described.length !== 3 || described.includes(null)) throw new Error("no three numbers");
  const count = (size < 0 ? size + 2 ** 16 : size) || 2 ** 16;
  const table = tableOf(header, count);
  if (table.length < count) throw new Error("the table is too short");
  const isBelow = values.some((one) => one < 0);
  const first = isBelow && start >= 2 ** 15 ? start - 2 ** 16 : start;
  const data = new Uint16Array(values.length);
  for (let at = 0; at < data.length; at++) {
    data[at] = table[Math.min(Math.max(rounded(values[at]) - first, 0), count - 1)];
  }
  const largest = table.reduce((most, one) => Math.max(most, one), 0);
  return { data, full: [0, Math.max(2 ** Math.min(bits, 16) - 1, largest)] };
}

/** The entries of a table, of 8 or 16 bits; their bytes may be in either order.
 * @param {Header} header @param {number} count
 */
function tableOf(header, count) {
  const element = header.element("LUTData");
  if (!element?.value.length) throw new Error("no table");
  let bytes = element.value;
  if (element.kind === "US") {
    bytes = new Uint8Array(Uint16Array.from(header.numbers("LUTData").map(Number)).buffer);
  }
  if (bytes.length % 2) throw new Error("half a word");
  const view = viewOf(bytes);
  const isWide = bytes.length >= 2 * count;
  const tables = [true, false].map((little) => {
    const words = Uint16Array.from({ length: bytes.length / 2 }, (_, at) =>
      view.getUint16(2 * at, little),
    );
    return (isWide ? words : Uint16Array.from(new Uint8Array(words.buffer))).subarray(0, count);
  });
  return tables[smoothest(tables)];
}

/** As Python rounds: a half goes to the even number. @param {number} value */
function rounded(value) {
  const near = Math.round(value);
  return near - value === 0.5 && near % 2 ? near - 1 : near;
}

/** What a window makes of numbers. Source: DICOM PS3.3, C.11.2.1.
 * @param {number | null | undefined} center @param {number | null | undefined} width
 * @param {string} named function @param {Float64Array} values @returns {Shown}
 * Raises: an error if it is damaged
 */
function windowed(center, width, named, values) {
  const how = named.toUpperCase();
  if (
    typeof center !== "number" ||
    typeof width !== "number" ||
    width < (how === "LINEAR" ? 1 : Number.MIN_VALUE)
  )
    throw new Error("no window");
  const data = new Float32Array(values.length);
  if (how === "SIGMOID") {
    data.set(values.map((one) => 1 / (1 + Math.exp((-4 * (one - center)) / width))));
  } else if (how === "LINEAR" || how === "LINEAR_EXACT") {
    const [middle, span] = how === "LINEAR" ? [center - 0.5, width - 1] : [center, width];
    data.set(
      values.map((one) => {
        if (one <= middle - span / 2) return 0;
        return one > middle + span / 2 ? 1 : (one - middle) / span + 0.5;
      }),
    );
  } else throw new Error(`no function ${how}`);
  return { data, full: [0, 1] };
}

/** What is wrong with how some of the pixels are shown; empty if nothing is.
 * @param {Shown} shown @param {Float64Array} values @param {Float64Array} counts of the pixels
 * @param {boolean} isWindow
 */
function badlyShown({ data, full }, values, counts, isWindow) {
  const held = [...counts.keys()].filter((at) => counts[at]);
  const total = held.reduce((sum, at) => sum + counts[at], 0);
  if (!total) throw new Error("no pixel is looked at");
  let low = Infinity;
  let high = -Infinity;
  for (const at of held) {
    low = Math.min(low, data[at]);
    high = Math.max(high, data[at]);
  }
  const edge = EDGE * (high - low);
  const grey = held.filter((at) => data[at] > low + edge && data[at] < high - edge);
  const greys = grey.reduce((sum, at) => sum + counts[at], 0);
  if (greys / total < LEAST_SHOWN) return say("shows almost nothing");
  const [least, median, most] = percentiles(values, counts, held, [1, 50, 99]);
  const kept = (/** @type {number} */ at) => Math.min(Math.max(values[at], least), most);
  let darkest = Infinity;
  let lightest = -Infinity;
  for (const at of grey) {
    darkest = Math.min(darkest, kept(at));
    lightest = Math.max(lightest, kept(at));
  }
  let lost = 0;
  let spread = 0;
  for (const at of held) {
    const value = kept(at);
    lost += counts[at] * Math.abs(value - Math.min(Math.max(value, darkest), lightest));
    spread += counts[at] * Math.abs(value - median);
  }
  if (lost > MOST_HIDDEN * spread) return say("hides much of the picture");
  const [dark, light] = percentiles(data, counts, held, [1, 99]);
  const isFlat = light - dark < shared.grey.LEAST_CONTRAST * (full[1] - full[0]);
  return isWindow && isFlat ? say("is far wider than the picture") : "";
}

/** Percentiles of values that pixels hold, between two of these in a straight line.
 * @param {ArrayLike<number>} values @param {Float64Array} counts how often each is held
 * @param {number[]} held which are @param {number[]} wanted
 */
function percentiles(values, counts, held, wanted) {
  const order = [...held].sort((one, other) => values[one] - values[other]);
  const total = held.reduce((sum, at) => sum + counts[at], 0);
  const nth = (/** @type {number} */ place) => {
    let passed = 0;
    return values[order.find((at) => (passed += counts[at]) > place) ?? order[order.length - 1]];
  };
  return wanted.map((percent) => {
    const place = (percent / 100) * (total - 1);
    const before = Math.floor(place);
    const low = nth(before);
    const high = nth(Math.min(before + 1, total - 1));
    return low + (high - low) * (place - before);
  });
}
