/**
 * The words that every module uses, as `lungseg_utils/types.py` has them.
 *
 * @typedef {Uint8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array
 *   | Float64Array | Int8Array} Numbers
 * @typedef {[number, number]} Spacing size of a pixel in mm, (row, column)
 * @typedef {{data: Float32Array, height: number, width: number}} Plane
 *   an image in [0, 1], black 0 and white 1, or a probability; row by row
 * @typedef {{data: Uint8Array, height: number, width: number}} Mask 1 where lung is, else 0
 *
 * @typedef {object} Stored what a file holds, before `grey` makes an image of it
 * @property {Numbers} data (height, width, channels), colours in the order red, green, blue
 * @property {number} height
 * @property {number} width
 * @property {number} channels 1, 3 or 4
 * @property {[number, number] | null} full the numbers that mean black and white
 * @property {boolean} inverted whether large numbers are dark
 * @property {Uint8Array | null} used 1 where the picture is no padding
 * @property {Spacing | null} spacingMm
 * @property {string[]} notes
 *
 * @typedef {object} Xray what one file holds
 * @property {Plane} image
 * @property {Spacing | null} spacingMm
 * @property {string[]} notes what speaks against a frontal chest X-ray
 */

/** A file is wrong; the message is a sentence with the file's name and the remedy. */
export class DataError extends Error {}

/** What a file holds, where it says nothing but its numbers.
 * @param {Numbers} data @param {number} height @param {number} width @param {number} channels
 * @param {Partial<Stored>} [rest]
 * @returns {Stored}
 */
export function stored(data, height, width, channels = 1, rest = {}) {
  const plain = { full: null, inverted: false, used: null, spacingMm: null, notes: [] };
  return { data, height, width, channels, ...plain, ...rest };
}
