/** The only scaling, from the numbers that a file holds to an image. */
import { say } from "./say.js";
import shared from "./shared.json";
import { DataError } from "./types.js";

/** @import { Numbers, Plane, Stored, Xray } from "./types.js" */
/** @typedef {{levels: Float64Array, counts: Float64Array}} Histogram numbers in order, how often */
/** @typedef {[number, number]} Range of places in a histogram, both included */

const {
  DEPTHS,
  SAMPLE,
  TAIL,
  BORDER,
  LEAST_CONTRAST,
  MOST_BLACK,
  MOST_WHITE,
  LEAST_BOX,
  BOX_FILLED,
  LEAST_SHADED,
  BODY,
  COLOUR,
  MOST_COLOURED,
  IN_COLOUR,
  MOST_LABEL_GREYS,
  MASK_SHARE,
  MASK_EDGE,
  MOST_JUMPS,
} = shared.grey;
const single = Math.fround; // the package computes with numbers of 32 bits here
const JUMP = single(shared.grey.JUMP);
const FLAT = single(shared.types.FLAT);
const NOT_WHITE = single(1 - shared.types.FLAT);
const LARGEST_BITS = 64;

/**
 * The image of what a file holds, from black 0 to white 1.
 *
 * Whole numbers are divided by the largest that the fewest `DEPTHS` bits hold, since a detector of
 * 12 bits keeps them in 16. Hot pixels, labels and borders do not count. A picture that takes less
 * than .7 of the range is stretched, all but 1 % at each end, and a note says so.
 * @param {Stored} stored @param {string} name @returns {Xray}
 * Raises: DataError if all pixels are alike, or as in a mask
 */
export function scaled(stored, name) {
  const { height, width, channels, used, full, inverted } = stored;
  const notes = [...stored.notes];
  if (channels > 1 && isColoured(stored)) notes.push(IN_COLOUR);
  const pixels = channels > 1 ? greyOf(stored) : stored.data;
  const found = histogram(pixels, height, width, used, name);
  const own = pictureAlone(found);
  checkNotAMask(found, own, name);
  const { low, high, guesses } = greyRange(found, own, full, isFloat(pixels));
  const beyond = full
    ? []
    : [...found.levels.subarray(0, own[0]), ...found.levels.subarray(own[1] + 1)];
  const outside = total(found.counts) - total(found.counts, own);
  const blackened = outside > BORDER * total(found.counts) ? new Set(beyond) : new Set();
  const data = stretched(pixels, low, high, inverted, blackened);
  if (used) for (let at = 0; at < data.length; at++) data[at] *= used[at];
  const doubts = doubtsOf(everyNth({ data, height, width }, stride(data.length)));
  return {
    image: { data, height, width },
    spacingMm: stored.spacingMm,
    notes: [...notes, ...guesses, ...doubts],
  };
}

/** @param {Numbers} numbers */
const isFloat = (numbers) => numbers instanceof Float32Array || numbers instanceof Float64Array;

/** The step between the rows, and the columns, of a sample. @param {number} size */
const stride = (size) => Math.max(1, Math.floor(Math.sqrt(Math.floor(size / SAMPLE))));

/** @param {Float64Array} counts @param {Range} range */
function total(counts, [first, last] = [0, counts.length - 1]) {
  let sum = 0;
  for (let at = first; at <= last; at++) sum += counts[at];
  return sum;
}

/** @param {Plane} image @param {number} step @returns {Plane} */
function everyNth({ data, height, width }, step) {
  if (step === 1) return { data, height, width };
  const rows = Math.ceil(height / step);
  const columns = Math.ceil(width / step);
  const found = new Float32Array(rows * columns);
  for (let row = 0, to = 0; row < height; row += step) {
    for (let at = row * width; at < (row + 1) * width; at += step) found[to++] = data[at];
  }
  return { data: found, height: rows, width: columns };
}

/** Whether the channels differ, in more of the picture than a label takes.
 * @param {Stored} stored
 */
function isColoured({ data, height, width, channels }) {
  const step = stride(3 * height * width);
  const spreads = [];
  let most = -Infinity;
  for (let row = 0; row < height; row += step) {
    for (let column = 0; column < width; column += step) {
      const at = channels * (row * width + column);
      const largest = Math.max(data[at], data[at + 1], data[at + 2]);
      spreads.push(largest - Math.min(data[at], data[at + 1], data[at + 2]));
      if (largest > most) most = largest;
    }
  }
  const coloured = spreads.filter((spread) => spread > COLOUR * most).length;
  return coloured / spreads.length > MOST_COLOURED;
}

/** Colours as grey, weighed as OpenCV does. @param {Stored} stored @returns {Numbers} */
function greyOf({ data, height, width, channels }) {
  const size = height * width;
  const isWhole = !isFloat(data);
  const grey = isWhole ? new Uint16Array(size) : new Float32Array(size);
  for (let at = 0, from = 0; at < size; at++, from += channels) {
    const red = data[from];
    const green = data[from + 1];
    const blue = data[from + 2];
    grey[at] = isWhole
      ? (9798 * red + 19235 * green + 3735 * blue + 16384) >>> 15
      : single(0.299) * red + single(0.587) * green + single(0.114) * blue;
  }
  return data instanceof Uint8Array ? new Uint8Array(grey) : grey;
}

/** The numbers that a picture holds, in order, and how many of a sample of pixels hold each.
 * @param {Numbers} pixels @param {number} height @param {number} width
 * @param {Uint8Array | null} used @param {string} name @returns {Histogram}
 * Raises: DataError if all are alike
 */
function histogram(pixels, height, width, used, name) {
  const wide = pixels.BYTES_PER_ELEMENT > 2;
  let found = { levels: new Float64Array(0), counts: new Float64Array(0) };
  for (const step of [stride(pixels.length), 1]) {
    // all, where those of the sample are alike
    found = wide
      ? sorted(sample(pixels, height, width, used, step))
      : counted(pixels, height, width, used, step);
    if (found.levels.length > 1) return found;
  }
  const grey = found.levels.length ? say("are {:g}", found.levels[0]) : say("are no numbers");
  throw new DataError(say("{} shows nothing, all its pixels", name, grey));
}

/** @param {Numbers} pixels of 8 or 16 bits @param {number} height @param {number} width
 * @param {Uint8Array | null} used @param {number} step
 */
function counted(pixels, height, width, used, step) {
  const first = /^Int/.test(pixels.constructor.name) ? -(2 ** 15) : 0;
  const all = new Float64Array(2 ** 16);
  for (let row = 0; row < height; row += step) {
    for (let at = row * width; at < (row + 1) * width; at += step) {
      if (!used || used[at]) all[pixels[at] - first] += 1;
    }
  }
  const held = Float64Array.from(all.keys()).filter((at) => all[at] > 0);
  return { levels: held.map((at) => at + first), counts: held.map((at) => all[at]) };
}

/** @param {Numbers} pixels @param {number} height @param {number} width
 * @param {Uint8Array | null} used @param {number} step
 */
function sample(pixels, height, width, used, step) {
  const found = new Float64Array(Math.ceil(height / step) * Math.ceil(width / step));
  let filled = 0;
  for (let row = 0; row < height; row += step) {
    for (let at = row * width; at < (row + 1) * width; at += step) {
      if ((!used || used[at]) && Number.isFinite(pixels[at])) found[filled++] = pixels[at];
    }
  }
  return found.subarray(0, filled).sort();
}

/** @param {Float64Array} numbers in order */
function sorted(numbers) {
  const levels = new Float64Array(numbers.length);
  const counts = new Float64Array(numbers.length);
  let last = -1;
  for (const one of numbers) {
    if (last < 0 || one !== levels[last]) levels[++last] = one;
    counts[last] += 1;
  }
  return { levels: levels.subarray(0, last + 1), counts: counts.subarray(0, last + 1) };
}

/** Two numbers, or nearly so, as a mask is whose edge was smoothed or that was a JPEG.
 * @param {Histogram} found @param {Range} own @param {string} name
 */
function checkNotAMask({ levels, counts }, [first, last], name) {
  const edge = MASK_EDGE * (levels[last] - levels[first]);
  const all = total(counts, [first, last]);
  let dark = 0;
  let light = 0;
  for (let at = first; at <= last; at++) {
    if (levels[at] <= levels[first] + edge) dark += counts[at];
    if (levels[at] >= levels[last] - edge) light += counts[at];
  }
  const isMask =
    dark / all + light / all > MASK_SHARE && Math.min(dark, light) / all > 1 - MASK_SHARE;
  if (last - first === 1 || isMask) throw new DataError(say("{} is a mask", name));
}

/** The numbers that become black and white, and a note where they are a guess.
 * @param {Histogram} found @param {Range} own @param {[number, number] | null} full
 * @param {boolean} isFraction
 */
function greyRange({ levels, counts }, own, full, isFraction) {
  const least = levels[own[0]];
  const most = levels[own[1]];
  const highest = levels[levels.length - 1];
  if (!full && isFraction && least >= 0 && most <= 1) full = [0, 1];
  else if (!full && !isFraction && least >= 0) {
    const bits = [...DEPTHS, LARGEST_BITS].find((one) => most < 2 ** one) ?? LARGEST_BITS;
    full = [0, 2 ** bits - 1];
  }
  let [low, high] = [0.01, 0.99].map((share) => levels[placeOf(share, counts, own)]);
  if (full && high - low >= LEAST_CONTRAST * (full[1] - full[0])) {
    const isBeyond = highest > full[1] || levels[0] < full[0];
    const said = say("grey values beyond {:g}", full[1]);
    return { low: full[0], high: full[1], guesses: isBeyond ? [said] : [] };
  }
  if (low === high) [low, high] = [levels[0], highest];
  return { low, high, guesses: [say("its grey values from", low, high)] };
}

/** Where a share of the counts is reached. @param {number} share @param {Float64Array} counts
 * @param {Range} range
 */
function placeOf(share, counts, [first, last]) {
  const all = total(counts, [first, last]);
  let passed = 0;
  let at = first;
  while (at < last && (passed += counts[at]) / all < share) at += 1;
  return at;
}

/**
 * Which levels are the picture's own: those no further from the shortest range that holds most of
 * its pixels than that range is wide. What is beyond are hot pixels, labels and borders.
 * @param {Histogram} found @returns {Range}
 */
function pictureAlone({ levels, counts }) {
  const kept = withoutTails(counts);
  // the first and last number may be those of borders as wide as you like
  const body = shortest(levels, counts, [kept[0] + 1, kept[1] - 1]);
  if (body) {
    const low = levels[body[0]];
    const high = levels[body[1]];
    let [first, last] = [0, levels.length - 1];
    while (levels[first] < 2 * low - high) first += 1;
    while (levels[last] > 2 * high - low) last -= 1;
    if (last - first + 1 > MOST_LABEL_GREYS) return [first, last];
  }
  return kept;
}

/** @param {Float64Array} counts @returns {Range} */
function withoutTails(counts) {
  const all = total(counts);
  let passed = 0;
  let first = -1;
  let last = 0;
  for (let at = 0; at < counts.length; at++) {
    passed += counts[at];
    const share = passed / all;
    if (share > TAIL && share - counts[at] / all < 1 - TAIL) {
      if (first < 0) first = at;
      last = at;
    }
  }
  return [first, last];
}

/** The shortest range that holds most of the pixels of another; null where that has few greys.
 * @param {Float64Array} levels @param {Float64Array} counts @param {Range} of
 * @returns {Range | null}
 */
function shortest(levels, counts, [first, last]) {
  if (last - first + 1 <= MOST_LABEL_GREYS) return null;
  const wanted = BODY * total(counts, [first, last]);
  /** @type {Range | null} */
  let best = null;
  let before = 0;
  let end = first;
  let upTo = counts[first];
  for (let start = first; start <= last; start++) {
    while (upTo < before + wanted && end < last) upTo += counts[++end];
    if (upTo < before + wanted) break;
    const isShorter = !best || levels[end] - levels[start] < levels[best[1]] - levels[best[0]];
    if (isShorter) best = [start, end];
    before += counts[start];
  }
  return best;
}

/** Numbers as they are shown: `low` and what is below 0, `high` and what is above 1.
 * @param {Numbers} pixels @param {number} low @param {number} high
 * @param {boolean} inverted whether large numbers are dark
 * @param {Set<number>} blackened numbers that become 0
 */
function stretched(pixels, low, high, inverted, blackened) {
  if (pixels.BYTES_PER_ELEMENT > 2) return shown(pixels, low, high, inverted, blackened);
  const first = /^Int/.test(pixels.constructor.name) ? -(2 ** 15) : 0; // each number once
  const numbers = Int32Array.from({ length: 2 ** 16 }, (_, at) => first + at);
  const table = shown(numbers, low, high, inverted, blackened);
  const found = new Float32Array(pixels.length);
  for (let at = 0; at < found.length; at++) found[at] = table[pixels[at] - first];
  return found;
}

/** @param {Numbers} numbers @param {number} low @param {number} high @param {boolean} inverted
 * @param {Set<number>} blackened
 */
function shown(numbers, low, high, inverted, blackened) {
  const start = single(low);
  const range = single(high - low);
  const found = new Float32Array(numbers.length);
  for (let at = 0; at < found.length; at++) {
    const value = single(single(single(numbers[at]) - start) / range);
    const kept = value > 0 ? (value < 1 ? value : 1) : 0; // what is no number is dark
    found[at] = inverted ? 1 - kept : kept;
    if (blackened.size && blackened.has(numbers[at])) found[at] = 0;
  }
  return found;
}

/** Signs that a picture was damaged before it was stored. @param {Plane} image */
function doubtsOf(image) {
  const found = [];
  const cut = brokenOff(image);
  const middle = middleOf(image);
  const { data } = middle;
  if (cut > BORDER) found.push(say("{:.0%} of it is one grey up to an edge", cut));
  for (const { isLost, most, said } of [
    { isLost: data.map((one) => Number(one <= 0)), most: MOST_BLACK, said: "black" },
    { isLost: data.map((one) => Number(one >= 1)), most: MOST_WHITE, said: "white" },
  ]) {
    const share = isLost.reduce((sum, one) => sum + one, 0) / data.length;
    if (share > most) found.push(say("{:.0%} of its middle is pure", share, said));
    else if (share > LEAST_BOX && holdsRectangle(isLost, middle.height, middle.width)) {
      found.push(say("a {} rectangle covers", said));
    }
  }
  if (jumps(middle) > MOST_JUMPS * 2 * data.length) {
    found.push(say("black lies beside white in many places"));
  }
  return found;
}

/** How many neighbours differ by more than `JUMP`. @param {Plane} image */
function jumps({ data, width }) {
  let found = 0;
  for (let at = 1; at < data.length; at++) {
    if (at % width && Math.abs(single(data[at] - data[at - 1])) > JUMP) found += 1;
    if (at >= width && Math.abs(single(data[at] - data[at - width])) > JUMP) found += 1;
  }
  return found;
}

/** The share of the rows, or of the columns, from one edge on that are one grey, neither black nor
 * white, as where a file broke off. @param {Plane} image
 */
function brokenOff({ data, height, width }) {
  let share = 0;
  for (const [lines, length, along, across] of [
    [height, width, width, 1],
    [height, width, -width, 1],
    [width, height, 1, width],
    [width, height, -1, width],
  ]) {
    const start = along < 0 ? (lines - 1) * -along : 0;
    const grey = data[start];
    if (!(grey > FLAT && grey < NOT_WHITE)) continue;
    const isFlat = (/** @type {number} */ line) => {
      for (let at = 0, place = start + line * along; at < length; at++, place += across) {
        if (Math.abs(single(data[place] - grey)) >= FLAT) return false;
      }
      return true;
    };
    let flat = 0;
    while (flat < lines && isFlat(flat)) flat += 1;
    if (flat < lines) share = Math.max(share, flat / lines);
  }
  return share;
}

/** Where the lungs are in most pictures; borders of black and white do not count.
 * @param {Plane} image @returns {Plane}
 */
function middleOf({ data, height, width }) {
  const rows = new Float64Array(height);
  const columns = new Float64Array(width);
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at++) {
      if (data[at] > 0 && data[at] < 1) {
        rows[row] += 1;
        columns[column] += 1;
      }
    }
  }
  const down = shadedPart(rows, width);
  const across = shadedPart(columns, height);
  const whole = !down || !across;
  const [top, bottom] = whole ? [0, height] : down;
  const [left, right] = whole ? [0, width] : across;
  const fifth = Math.floor((bottom - top) / 5);
  const tenth = Math.floor((right - left) / 10);
  const found = { height: bottom - top - 2 * fifth, width: right - left - 2 * tenth };
  const middle = new Float32Array(found.height * found.width);
  for (let row = 0; row < found.height; row++) {
    const start = (top + fifth + row) * width + left + tenth;
    middle.set(data.subarray(start, start + found.width), row * found.width);
  }
  return { data: middle, ...found };
}

/** From the first to behind the last line that is no border.
 * @param {Float64Array} shaded pixels of each @param {number} length of a line
 */
function shadedPart(shaded, length) {
  let [first, end] = [0, shaded.length];
  while (first < end && shaded[first] / length <= LEAST_SHADED) first += 1;
  while (end > first && shaded[end - 1] / length <= LEAST_SHADED) end -= 1;
  return first < end ? [first, end] : null;
}

/** Whether a mask has a large rectangle, as where a name was painted over, that is no border.
 * @param {Float32Array} mask which is emptied @param {number} height @param {number} width
 */
function holdsRectangle(mask, height, width) {
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start]) continue;
    const { area, rows, columns } = emptied(mask, width, start);
    const isFilled = area > LEAST_BOX * mask.length && area > BOX_FILLED * rows * columns;
    if (isFilled && rows < height && columns < width) return true;
  }
  return false;
}

/** Empty what hangs together with a place by its sides, and measure it.
 * @param {Float32Array} mask @param {number} width @param {number} start
 */
function emptied(mask, width, start) {
  let area = 0;
  let top = Infinity;
  let bottom = -1;
  let left = Infinity;
  let right = -1;
  const waiting = [start];
  mask[start] = 0;
  while (waiting.length) {
    const at = waiting.pop() ?? 0;
    const column = at % width;
    const row = (at - column) / width;
    area += 1;
    top = Math.min(top, row);
    bottom = Math.max(bottom, row);
    left = Math.min(left, column);
    right = Math.max(right, column);
    const beside = [at - width, at + width, column ? at - 1 : -1, column + 1 < width ? at + 1 : -1];
    for (const next of beside) {
      if (mask[next]) {
        mask[next] = 0;
        waiting.push(next);
      }
    }
  }
  return { area, rows: bottom - top + 1, columns: right - left + 1 };
}
