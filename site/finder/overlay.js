/** The picture that is shown: the X-ray in its true proportions, and the outline on it. */
import { piecesOf } from "./masks.js";
import shared from "./shared.json";
import { shrunk, toNative } from "./squares.js";

/** @typedef {import("./types.js").Plane} Plane */
/** @typedef {import("./types.js").Mask} Mask */

const { PREDICTION, DASH, GAP } = shared.overlay;
const LINE = 2; // pixels

/**
 * An image in its true proportions, `side` pixels on its longer side, as greys from 0 to 255.
 * @param {Plane} image @param {import("./types.js").Spacing | null} spacingMm @param {number} side
 * @returns {{data: Uint8ClampedArray<ArrayBuffer>, height: number, width: number}} with red,
 *   green, blue and opacity
 */
export function toGreyPicture(image, spacingMm, side) {
  const [tall, wide] = spacingMm ?? [1, 1];
  const sides = [image.height * tall, image.width * wide];
  const [height, width] = sides.map((one) =>
    Math.max(1, Math.round((side * one) / Math.max(...sides))),
  );
  const grey = resized(image, height, width);
  const data = new Uint8ClampedArray(4 * height * width).fill(255);
  grey.data.forEach((one, at) => data.fill(Math.round(255 * one), 4 * at, 4 * at + 3));
  return { data, height, width };
}

/** @param {Plane} image @param {number} height @param {number} width */
function resized(image, height, width) {
  if (height <= image.height && width <= image.width) return shrunk(image, height, width);
  if (height >= image.height && width >= image.width) return toNative(image, height, width);
  const lower = shrunk(image, Math.min(height, image.height), Math.min(width, image.width));
  return toNative(lower, height, width);
}

/**
 * The outlines of a mask: for each piece the places (x, y) half way along each side of a pixel
 * between lung and no lung, clockwise.
 * @param {Mask} mask without holes
 * @returns {Float32Array[]}
 */
export function outlinesOf(mask) {
  const { lines, owners } = piecesOf(mask, { corners: true });
  const starts = new Map();
  owners.forEach((piece, line) => {
    if (!starts.has(piece)) starts.set(piece, [lines[3 * line + 1], lines[3 * line]]);
  });
  return [...starts.values()].map(([x, y]) => followed(mask, x, y));
}

const STEPS = [
  [1, 0],
  [0, 1],
  [-1, 0],
  [0, -1],
]; // right, down, left, up
const AHEAD = [
  [
    [0, -1],
    [0, 0],
  ],
  [
    [0, 0],
    [-1, 0],
  ],
  [
    [-1, 0],
    [-1, -1],
  ],
  [
    [-1, -1],
    [0, -1],
  ],
];

/**
 * Walk round a piece from the upper left corner of its first pixel, the lung on the right hand.
 * @param {Mask} mask @param {number} startX @param {number} startY
 */
function followed({ data, height, width }, startX, startY) {
  /** @param {number} x @param {number} y */
  const isLung = (x, y) => x >= 0 && y >= 0 && x < width && y < height && data[y * width + x] === 1;
  const points = [];
  let [x, y, way] = [startX, startY, 0];
  do {
    const [right, down] = STEPS[way];
    points.push(x + right / 2, y + down / 2);
    [x, y] = [x + right, y + down];
    const [[leftX, leftY], [rightX, rightY]] = AHEAD[way];
    if (isLung(x + leftX, y + leftY)) way = (way + 3) % 4;
    else if (!isLung(x + rightX, y + rightY)) way = (way + 1) % 4;
  } while (x !== startX || y !== startY || way !== 0);
  return Float32Array.from(points);
}

/**
 * Draw a picture and the dashed outlines on it.
 * @param {HTMLCanvasElement} canvas
 * @param {{data: Uint8ClampedArray<ArrayBuffer>, height: number, width: number}} picture
 * @param {Float32Array[]} outlines
 */
export function draw(canvas, picture, outlines) {
  [canvas.width, canvas.height] = [picture.width, picture.height];
  const brush = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  brush.putImageData(new ImageData(picture.data, picture.width, picture.height), 0, 0);
  brush.strokeStyle = PREDICTION;
  brush.lineWidth = LINE;
  brush.setLineDash([DASH, GAP]);
  for (const points of outlines) {
    brush.beginPath();
    for (let one = 0; one < points.length; one += 2) brush.lineTo(points[one], points[one + 1]);
    brush.closePath();
    brush.stroke();
  }
}
