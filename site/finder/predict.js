/** From an X-ray to a mask, areas, the quality of the mask and warnings, as `predict.py` does it. */
import { keepTwoLungs, lungAreas, maskWarnings, piecesOf } from "./masks.js";
import { say } from "./say.js";
import shared from "./shared.json";
import {
  TRANSFORMS,
  betweenBorders,
  stretchedRows,
  toNative,
  toSquare,
  transformed,
  turned,
  undone,
} from "./squares.js";

/** @typedef {import("./types.js").Plane} Plane */
/** @typedef {import("./types.js").Mask} Mask */
/** @typedef {import("./types.js").Xray} Xray */
/** @typedef {{size: number, run(batch: Plane[]): Promise<Plane[]>}} Network */

const { THRESHOLD, LEAST_QUALITY, LEAST_ERROR, LEAST_THIRD, LEAST_PICTURE, WEIGHTS } =
  shared.predict;

/**
 * What is kept of an X-ray: enough to cut its mask at any threshold.
 * @typedef {object} Prediction
 * @property {number} height
 * @property {number} width
 * @property {import("./types.js").Spacing | null} spacingMm
 * @property {Plane} square the probability that the mask is cut from
 * @property {Plane} second that of the second opinion
 * @property {Plane} seen the image they saw
 * @property {string[]} notes warnings that hold at every threshold
 * @property {[[number, number], [number, number]]} shown rows and columns that are no border
 */

/**
 * Find the lungs in an X-ray.
 * @param {Network[]} networks the one that gives the mask, and those of the second opinion
 * @param {Xray} xray
 * @returns {Promise<Prediction>}
 */
export async function predict(networks, { image, spacingMm, notes }) {
  const squares = squaresFor(networks, image);
  const [square] = await networks[0].run(squares.slice(0, 1));
  const second = await secondOpinion(networks.slice(1), squares.slice(1));
  const { height, width } = image;
  const shown = betweenBorders(squares[0], height, width);
  const [tall, wide] = shown.map(([first, end]) => end - first);
  const share = (tall * wide) / (height * width);
  const warnings =
    share < LEAST_PICTURE
      ? [say("the X-ray takes up only", share)]
      : await orientationWarnings(networks, squares);
  if (hasThirdLung(above(square, THRESHOLD))) warnings.push(say("more than two lungs"));
  return {
    height,
    width,
    spacingMm,
    square,
    shown,
    seen: squares[0],
    second: toNative(second, square.height, square.width),
    notes: [...warnings, ...notes],
  };
}

/**
 * The image at the size of each network. A large one is read once.
 * @param {Network[]} networks @param {Plane} image
 */
function squaresFor(networks, image) {
  const sizes = networks.map((network) => network.size);
  const common = sizes.reduce(leastCommonMultiple);
  const source = common <= Math.min(image.height, image.width) ? toSquare(image, common) : image;
  return sizes.map((size) => toSquare(source, size));
}

/** @param {number} a @param {number} b */
function leastCommonMultiple(a, b) {
  let [larger, smaller] = [a, b];
  while (smaller) [larger, smaller] = [smaller, larger % smaller];
  return (a * b) / larger;
}

/**
 * The mean of what networks say of an image and of copies of it, moved back.
 * @param {Network[]} networks @param {Plane[]} squares one for each
 * @returns {Promise<Plane>} of the size of the largest
 */
async function secondOpinion(networks, squares) {
  const size = Math.max(...squares.map((one) => one.height));
  /** @type {Plane[]} */
  const found = [];
  for (const [place, square] of squares.entries()) {
    const copies = TRANSFORMS.map((how) => transformed(square, how));
    const [plain, ...others] = await networks[place].run([square, ...copies]);
    const back = others.map((one, copy) => undone(one, plain, TRANSFORMS[copy]));
    found.push(...[plain, ...back].map((one) => toNative(one, size, size)));
  }
  const mean = toNative(found[0], size, size);
  mean.data.forEach((_, at) => {
    mean.data[at] = found.reduce((sum, one) => sum + one.data[at], 0) / found.length;
  });
  return mean;
}

/** How an image may be turned, in quarters counterclockwise, and whether inverted. */
const VIEWS = [0, 1, 2, 3, 4, 5, 6, 7].map((view) => ({ quarters: view % 4, inverted: view > 3 }));

/**
 * What to say where the networks are surer of another view. The last of them, which is the
 * quickest, says whether the others are asked.
 * @param {Network[]} networks @param {Plane[]} squares
 */
async function orientationWarnings(networks, squares) {
  const total = VIEWS.map(() => 0);
  for (let place = networks.length - 1; place >= 0; place--) {
    const found = await sureness(networks[place], squares[place]);
    found.forEach((one, view) => (total[view] += one));
    if (best(total) === 0 && place === networks.length - 1) return [];
  }
  const { quarters, inverted } = VIEWS[best(total)];
  const way = quarters === 2 ? "180 degrees" : say("{} degrees counter", 90 * quarters);
  const found = quarters ? [say("it looks rotated", way)] : [];
  return inverted ? [...found, say("it looks inverted")] : found;
}

/** @param {number[]} numbers */
const best = (numbers) => numbers.indexOf(Math.max(...numbers));

/**
 * How sure a network is of each view of an image.
 * @param {Network} network @param {Plane} square
 */
async function sureness(network, square) {
  const seen = VIEWS.map(({ quarters, inverted }) => turned(square, quarters, inverted));
  const halves = [await network.run(seen.slice(0, 4)), await network.run(seen.slice(4))];
  return halves.flat().map((one) => softDice(one, above(one, THRESHOLD)));
}

/** @param {Mask} mask */
function hasThirdLung(mask) {
  const sizes = [...piecesOf(mask).pixels].sort((a, b) => b - a);
  return sizes.length > 2 && sizes[2] > LEAST_THIRD * sizes[0];
}

/**
 * @param {Plane} probability @param {number} threshold
 * @returns {Mask}
 */
function above({ data, height, width }, threshold) {
  return { data: Uint8Array.from(data, (one) => Number(one > threshold)), height, width };
}

/**
 * Dice on probabilities that are not thresholded.
 * @param {Plane | Mask} probability @param {Mask} mask
 */
function softDice({ data }, mask) {
  let [both, total] = [0, 0];
  data.forEach((one, at) => {
    total += one + mask.data[at];
    both += one * mask.data[at];
  });
  return total ? (2 * both) / total : 1;
}

/**
 * The mask of a prediction, of the X-ray's own size: above the threshold, the two largest pieces,
 * their holes filled.
 * @param {Prediction} found @param {number} threshold
 * @param {number} [height] @param {number} [width]
 * @returns {Mask}
 */
export function maskOf({ square, ...own }, threshold, height = own.height, width = own.width) {
  const high = above(square, threshold);
  const lungs = keepTwoLungs(high);
  const data = square.data.map((one, at) =>
    high.data[at] === lungs.data[at] ? one : lungs.data[at],
  );
  const rows = stretchedRows({ ...square, data }, height, width);
  const mask = { data: new Uint8Array(height * width), height, width };
  for (let row = 0, at = 0; row < height; row++) {
    const line = rows(row);
    for (let column = 0; column < width; column++, at++) {
      if (line[column] > threshold) mask.data[at] = 1;
    }
  }
  return mask;
}

/**
 * The Dice that is expected of the mask, 0 to 1; null where no lung was found.
 * @param {Prediction} found @param {number} threshold
 */
function qualityOf({ square, second, seen }, threshold) {
  const lungs = keepTwoLungs(above(square, threshold));
  const { lines, owners, pixels } = piecesOf(lungs);
  if (!pixels.length) return null;
  const greys = Array.from(pixels, () => /** @type {number[]} */ ([]));
  owners.forEach((piece, line) => {
    const [row, start, end] = lines.subarray(3 * line, 3 * line + 3);
    greys[piece].push(...seen.data.subarray(row * seen.width + start, row * seen.width + end));
  });
  const medians = greys.map(median);
  const apart = 1 - softDice(above(second, THRESHOLD), lungs);
  const hesitates = 1 - softDice(square, lungs);
  const [one, agreement, hesitation, difference] = WEIGHTS;
  const error =
    one +
    agreement * Math.log(apart + LEAST_ERROR) +
    hesitation * Math.log(hesitates + LEAST_ERROR) +
    difference * (Math.max(...medians) - Math.min(...medians));
  return Math.min(Math.max(1 + LEAST_ERROR - Math.exp(error), 0), 1);
}

/** @param {number[]} numbers */
function median(numbers) {
  const sorted = Float64Array.from(numbers).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * All that is said of an X-ray at a threshold.
 * @typedef {object} Report
 * @property {number} height
 * @property {number} width
 * @property {import("./types.js").Spacing | null} spacingMm
 * @property {number} threshold
 * @property {import("./masks.js").LungArea[]} areas
 * @property {number} cover the share of the picture that is lung
 * @property {number | null} quality
 * @property {boolean} reliable
 * @property {string[]} warnings
 */

/**
 * What is said of a prediction at a threshold.
 * @param {Prediction} found @param {number} threshold
 * @returns {Report}
 */
export function report(found, threshold) {
  const { height, width, spacingMm } = found;
  const mask = maskOf(found, threshold);
  const areas = lungAreas(mask, spacingMm);
  const quality = qualityOf(found, threshold);
  const warnings = maskWarnings(mask, areas, found.shown);
  const reliable = quality !== null && quality >= LEAST_QUALITY;
  if (quality !== null && !reliable) warnings.push(say("the outline is likely", quality));
  let lung = 0;
  for (let at = 0; at < mask.data.length; at++) lung += mask.data[at];
  const cover = lung / mask.data.length;
  warnings.push(...found.notes);
  return { height, width, spacingMm, threshold, areas, cover, quality, reliable, warnings };
}
