/** Lung masks: the two lungs of them, measured and checked. */
import { say } from "./say.js";
import shared from "./shared.json";

/** @typedef {import("./types.js").Mask} Mask */
/** @typedef {import("./types.js").Spacing} Spacing */
/**
 * @typedef {object} Pieces the connected pieces of a mask, as lines of pixels in its rows
 * @property {Int32Array} lines (n, 3): a row, a first column, the column behind the last
 * @property {Int32Array} owners (n,): the piece of each line
 * @property {Int32Array} pixels of each piece
 * @property {Float64Array} columns the mean column of each piece
 */
/**
 * @typedef {object} LungArea
 * @property {"left" | "right"} imageSide
 * @property {"left" | "right"} patientSide
 * @property {number} pixels
 * @property {number | null} cm2
 */

/**
 * The connected pieces of a mask, where pixels touch at their sides, or at their corners too.
 * @param {Mask} mask @param {{value?: number, corners?: boolean}} [how] the value they consist of
 * @returns {Pieces}
 */
export function piecesOf(mask, { value = 1, corners = false } = {}) {
  const lines = linesOf(mask, value);
  const count = lines.length / 3;
  const parents = Int32Array.from({ length: count }, (_, one) => one);
  /** @param {number} one */
  const root = (one) => {
    while (parents[one] !== one) one = parents[one] = parents[parents[one]];
    return one;
  };
  const reach = corners ? 1 : 0;
  for (let one = 0, above = 0; one < count; one++) {
    const [row, start, end] = [lines[3 * one], lines[3 * one + 1], lines[3 * one + 2]];
    const isPast = (/** @type {number} */ other) =>
      lines[3 * other] < row - 1 ||
      (lines[3 * other] === row - 1 && lines[3 * other + 2] + reach <= start);
    const touches = (/** @type {number} */ other) =>
      lines[3 * other] === row - 1 && lines[3 * other + 1] < end + reach;
    while (isPast(above)) above++;
    for (let other = above; touches(other); other++) parents[root(one)] = root(other);
  }
  const names = new Map();
  const owners = Int32Array.from({ length: count }, (_, one) => {
    const found = root(one);
    if (!names.has(found)) names.set(found, names.size);
    return names.get(found);
  });
  return { lines, owners, ...measured(lines, owners, names.size) };
}

/** @param {Mask} mask @param {number} value */
function linesOf({ data, height, width }, value) {
  const lines = [];
  for (let row = 0, at = 0; row < height; row++, at += width) {
    const line = data.subarray(at, at + width);
    for (let end = 0, start; (start = line.indexOf(value, end)) >= 0;) {
      end = line.indexOf(1 - value, start);
      if (end < 0) end = width;
      lines.push(row, start, end);
    }
  }
  return Int32Array.from(lines);
}

/** @param {Int32Array} lines @param {Int32Array} owners @param {number} count */
function measured(lines, owners, count) {
  const [pixels, columns] = [new Int32Array(count), new Float64Array(count)];
  owners.forEach((owner, one) => {
    const [start, end] = [lines[3 * one + 1], lines[3 * one + 2]];
    pixels[owner] += end - start;
    columns[owner] += ((end - start) * (start + end - 1)) / 2;
  });
  return { pixels, columns: columns.map((sum, piece) => sum / pixels[piece]) };
}

/**
 * The places of the largest numbers, from the largest on; of equal ones the last comes first.
 * @param {Int32Array} numbers @param {number} count
 */
function largest(numbers, count) {
  const places = Array.from(numbers, (_, place) => place);
  return places.sort((a, b) => numbers[b] - numbers[a] || b - a).slice(0, count);
}

/**
 * The two largest connected pieces of a mask, with their holes filled.
 * @param {Mask} mask
 * @returns {Mask}
 */
export function keepTwoLungs(mask) {
  const { height, width } = mask;
  const pieces = piecesOf(mask);
  const kept = { data: new Uint8Array(height * width), height, width };
  const lungs = largest(pieces.pixels, 2);
  fill(kept, pieces, (piece) => lungs.includes(piece));
  const around = piecesOf(kept, { value: 0 });
  const outside = new Set();
  around.owners.forEach((piece, line) => {
    const [row, start, end] = around.lines.subarray(3 * line, 3 * line + 3);
    if (row === 0 || row === height - 1 || start === 0 || end === width) outside.add(piece);
  });
  fill(kept, around, (piece) => !outside.has(piece));
  return kept;
}

/** @param {Mask} mask @param {Pieces} pieces @param {(piece: number) => boolean} isChosen */
function fill(mask, { lines, owners }, isChosen) {
  owners.forEach((piece, line) => {
    const [row, start, end] = lines.subarray(3 * line, 3 * line + 3);
    if (isChosen(piece)) mask.data.fill(1, row * mask.width + start, row * mask.width + end);
  });
}

/**
 * The two largest pieces of a mask, from the left of the image to the right; one that is alone
 * belongs to the side on which its centre lies.
 * @param {Mask} mask @param {Spacing | null} spacingMm
 * @returns {LungArea[]}
 */
export function lungAreas(mask, spacingMm) {
  const { pixels, columns } = piecesOf(mask, { corners: true });
  const found = largest(pixels, 2).sort((a, b) => columns[a] - columns[b]);
  const alone = found.length === 1 && columns[found[0]] >= mask.width / 2;
  return found.map((piece, place) => ({
    imageSide: alone || place ? "right" : "left",
    patientSide: alone || place ? "left" : "right",
    pixels: pixels[piece],
    cm2: spacingMm && (pixels[piece] * spacingMm[0] * spacingMm[1]) / shared.masks.MM2_PER_CM2,
  }));
}

/**
 * What is odd about a mask and its lungs.
 * @param {Mask} mask @param {LungArea[]} areas
 * @param {[[number, number], [number, number]]} shown rows and columns that are no border
 * @returns {string[]}
 */
export function maskWarnings(mask, areas, [rows, columns]) {
  const { LEAST_COVER, LEAST_SHARE } = shared.masks;
  const sizes = areas.map((area) => area.pixels);
  const total = sizes.reduce((sum, one) => sum + one, 0);
  if (total < LEAST_COVER * mask.data.length) return [say("hardly any lung was found")];
  const found = [];
  if (Math.min(...sizes) < LEAST_SHARE * Math.max(...sizes) || sizes.length < 2) {
    found.push(say("one lung is missing"));
  }
  const cut = cutEdges(mask, rows, columns);
  return cut.length ? [...found, say("the mask touches the border", cut.join(", "))] : found;
}

/**
 * The edges of the picture that the mask touches.
 * @param {Mask} mask @param {[number, number]} rows @param {[number, number]} columns
 */
function cutEdges({ data, width }, rows, columns) {
  const { EDGES, MOST_BORDER, WITHIN } = shared.masks;
  const [tall, wide] = [rows[1] - rows[0], columns[1] - columns[0]];
  const [down, across] = [Math.trunc(WITHIN * tall), Math.trunc(WITHIN * wide)];
  /** @param {number} start @param {number} step @param {number} count */
  const share = (start, step, count) => {
    let lung = 0;
    for (let one = 0; one < count; one++) lung += data[start + one * step];
    return lung / count;
  };
  const corner = rows[0] * width + columns[0];
  const shares = [
    share(corner + down * width, 1, wide),
    share(corner + (tall - 1 - down) * width, 1, wide),
    share(corner + across, width, tall),
    share(corner + wide - 1 - across, width, tall),
  ];
  return EDGES.filter((_, edge) => shares[edge] > MOST_BORDER);
}
