/** Resizes an image to a square and back, and makes the copies that a second opinion looks at. */
import shared from "./shared.json";

/** @typedef {import("./types.js").Plane} Plane */

const EDGE = 1e-3; // less of a pixel does not count

/**
 * A plane without values.
 * @param {number} height @param {number} width
 * @returns {Plane}
 */
export function plane(height, width) {
  return { data: new Float32Array(height * width), height, width };
}

/**
 * Stretch an image to (size, size): each pixel is the mean of the area it covers.
 * @param {Plane} image @param {number} size
 * @returns {Plane}
 */
export function toSquare(image, size) {
  const shrinks = size <= Math.min(image.height, image.width);
  return shrinks ? shrunk(image, size, size) : stretched(image, size, size);
}

/**
 * Bring a probability back to `height` and `width`, bilinearly.
 * @param {Plane} probability @param {number} height @param {number} width
 * @returns {Plane}
 */
export function toNative(probability, height, width) {
  return stretched(probability, height, width);
}

/**
 * Which pixels of a line of `from` a pixel of one of `to` covers, and how much of each.
 * @param {number} from @param {number} to at most `from`
 * @returns {{first: Int32Array, count: Int32Array, weights: Float64Array, most: number}}
 */
function covered(from, to) {
  const scale = from / to;
  const most = Math.ceil(scale) + 2;
  const [first, count] = [new Int32Array(to), new Int32Array(to)];
  const weights = new Float64Array(to * most);
  for (let place = 0; place < to; place++) {
    const [start, end] = [place * scale, Math.min((place + 1) * scale, from)];
    first[place] = Math.floor(start + EDGE);
    const last = Math.ceil(end - EDGE);
    let total = 0;
    for (let one = first[place]; one < last; one++) {
      const share = Math.min(end, one + 1) - Math.max(start, one);
      weights[place * most + one - first[place]] = share;
      total += share;
    }
    count[place] = last - first[place];
    for (let one = 0; one < count[place]; one++) weights[place * most + one] /= total;
  }
  return { first, count, weights, most };
}

/**
 * An image made smaller: the mean of the area that each pixel covers.
 * @param {Plane} image @param {number} height @param {number} width
 * @returns {Plane}
 */
export function shrunk(image, height, width) {
  const [rows, columns] = [covered(image.height, height), covered(image.width, width)];
  const made = plane(height, width);
  const line = new Float64Array(width);
  for (let y = 0; y < height; y++) {
    line.fill(0);
    for (let row = 0; row < rows.count[y]; row++) {
      const weight = rows.weights[y * rows.most + row];
      const start = (rows.first[y] + row) * image.width;
      for (let x = 0; x < width; x++) {
        const [begin, parts] = [start + columns.first[x], x * columns.most];
        let sum = 0;
        for (let column = 0; column < columns.count[x]; column++) {
          sum += image.data[begin + column] * columns.weights[parts + column];
        }
        line[x] += weight * sum;
      }
    }
    made.data.set(line, y * width);
  }
  return made;
}

/**
 * Between which pixels of a line of `from` those of one of `to` lie, and how far from the first.
 * @param {number} from @param {number} to
 */
function between(from, to) {
  const [low, high] = [new Int32Array(to), new Int32Array(to)];
  const share = new Float64Array(to);
  for (let place = 0; place < to; place++) {
    const at = Math.min(Math.max(((place + 0.5) * from) / to - 0.5, 0), from - 1);
    low[place] = Math.floor(at);
    high[place] = Math.min(low[place] + 1, from - 1);
    share[place] = at - low[place];
  }
  return { low, high, share };
}

/**
 * An image with other sides, bilinearly.
 * @param {Plane} image @param {number} height @param {number} width
 * @returns {Plane}
 */
function stretched(image, height, width) {
  const made = plane(height, width);
  const rows = stretchedRows(image, height, width);
  for (let y = 0; y < height; y++) made.data.set(rows(y), y * width);
  return made;
}

/**
 * A function that gives one row after another of an image with other sides. The array it returns
 * is used again for the next row.
 * @param {Plane} image @param {number} height @param {number} width
 * @returns {(row: number) => Float32Array}
 */
export function stretchedRows(image, height, width) {
  const [rows, columns] = [between(image.height, height), between(image.width, width)];
  const wide = new Map(); // rows of the image, stretched to `width`; two are in use at a time
  const line = new Float32Array(width);

  /** @param {number} row @returns {Float64Array} */
  function across(row) {
    let found = wide.get(row);
    if (!found) {
      if (wide.size > 2) wide.clear();
      found = new Float64Array(width);
      const start = row * image.width;
      for (let x = 0; x < width; x++) {
        const [left, right] = [
          image.data[start + columns.low[x]],
          image.data[start + columns.high[x]],
        ];
        found[x] = left + (right - left) * columns.share[x];
      }
      wide.set(row, found);
    }
    return found;
  }

  return (row) => {
    const [above, below] = [across(rows.low[row]), across(rows.high[row])];
    const share = rows.share[row];
    for (let x = 0; x < width; x++) line[x] = above[x] + (below[x] - above[x]) * share;
    return line;
  };
}

/**
 * Rows and columns of an image of `height` and `width` that are no border of one grey, as its
 * square shows them: [first, end) of each.
 * @param {Plane} square @param {number} height @param {number} width
 * @returns {[[number, number], [number, number]]}
 */
export function betweenBorders(square, height, width) {
  const size = square.height;
  /** @param {number} step @param {number} next @param {number} length */
  const shown = (step, next, length) => {
    let [first, last] = [0, size];
    const shaded = [];
    for (let line = 0; line < size; line++) {
      let [low, high] = [Infinity, -Infinity];
      for (let place = 0; place < size; place++) {
        const grey = square.data[line * step + place * next];
        [low, high] = [Math.min(low, grey), Math.max(high, grey)];
      }
      if (high - low > shared.types.FLAT) shaded.push(line);
    }
    if (shaded.length) [first, last] = [shaded[0], shaded[shaded.length - 1] + 1];
    return /** @type {[number, number]} */ ([
      Math.floor((first * length) / size),
      Math.ceil((last * length) / size),
    ]);
  };
  return [shown(size, 1, height), shown(1, size, width)];
}

/** A rotation in degrees, zoom, shifts in shares of the size, and gamma. */
export const TRANSFORMS = shared.predict.TRANSFORMS.map(
  ([rotation, zoom, down, across, gamma]) => ({ rotation, zoom, down, across, gamma }),
);
/** @typedef {(typeof TRANSFORMS)[number]} Transform */

/**
 * From a place (x, y) in the square to one in the copy: [a, b, c, d, e, f] of x' = ax + by + c.
 * @param {Transform} how @param {number} size
 */
function matrix(how, size) {
  const [centre, angle] = [(size - 1) / 2, (how.rotation * Math.PI) / 180];
  const [cos, sin] = [how.zoom * Math.cos(angle), how.zoom * Math.sin(angle)];
  return [
    cos,
    sin,
    (1 - cos) * centre - sin * centre + size * how.across,
    -sin,
    cos,
    sin * centre + (1 - cos) * centre + size * how.down,
  ];
}

/** @param {number[]} of a matrix */
function inverse([a, b, c, d, e, f]) {
  const scale = 1 / (a * e - b * d);
  return [
    e * scale,
    -b * scale,
    (b * f - c * e) * scale,
    -d * scale,
    a * scale,
    (c * d - a * f) * scale,
  ];
}

/**
 * The copy of an image; black comes in from beyond its border.
 * @param {Plane} square @param {Transform} how
 * @returns {Plane}
 */
export function transformed(square, how) {
  const size = square.height;
  const made = plane(size, size);
  /** @param {number} x @param {number} y */
  const grey = (x, y) => (x < 0 || y < 0 || x >= size || y >= size ? 0 : square.data[y * size + x]);
  moved(made, inverse(matrix(how, size)), (x, y, right, below) => {
    const above = grey(x, y) * (1 - right) + grey(x + 1, y) * right;
    const under = grey(x, y + 1) * (1 - right) + grey(x + 1, y + 1) * right;
    return (above * (1 - below) + under * below) ** how.gamma;
  });
  return made;
}

/**
 * The probability of a copy, moved back over that of the `plain` image, which is left where the
 * copy has lost the border.
 * @param {Plane} probability @param {Plane} plain @param {Transform} how
 * @returns {Plane}
 */
export function undone(probability, plain, how) {
  const size = plain.height;
  const { data } = probability;
  const made = { data: plain.data.slice(), height: size, width: size };
  moved(made, matrix(how, size), (x, y, right, below, before) => {
    if (x < 0 || y < 0 || x >= size - 1 || y >= size - 1) return before;
    const at = y * size + x;
    const above = data[at] * (1 - right) + data[at + 1] * right;
    const under = data[at + size] * (1 - right) + data[at + size + 1] * right;
    return above * (1 - below) + under * below;
  });
  return made;
}

/**
 * Fill a plane with what `value` makes of where each of its pixels comes from.
 * @param {Plane} made @param {number[]} from a matrix
 * @param {(x: number, y: number, right: number, below: number, before: number) => number} value
 */
function moved(made, [a, b, c, d, e, f], value) {
  for (let row = 0, at = 0; row < made.height; row++) {
    for (let column = 0; column < made.width; column++, at++) {
      const [x, y] = [a * column + b * row + c, d * column + e * row + f];
      const [left, top] = [Math.floor(x), Math.floor(y)];
      made.data[at] = value(left, top, x - left, y - top, made.data[at]);
    }
  }
}

/**
 * A square turned counterclockwise by `quarters`, its greys inverted if `inverted`.
 * @param {Plane} square @param {number} quarters @param {boolean} inverted
 * @returns {Plane}
 */
export function turned(square, quarters, inverted) {
  const size = square.height;
  const [made, last] = [plane(size, size), size - 1];
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [row, column] = [
        [y, x],
        [x, last - y],
        [last - y, last - x],
        [last - x, y],
      ][quarters];
      const grey = square.data[row * size + column];
      made.data[y * size + x] = inverted ? 1 - grey : grey;
    }
  }
  return made;
}
