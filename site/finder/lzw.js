/** LZW as TIFF packs with it. Source: Adobe, TIFF 6.0, section 13. */

const CLEAR = 256;
const END = 257;
const LEAST_BITS = 9;
const MOST_BITS = 12;
const CODES = 2 ** MOST_BITS;

/** Unpack bytes into others, as many as these hold.
 * @param {Uint8Array} packed @param {Uint8Array} found
 * @returns {number} how many there are
 * Raises: an error if it is damaged
 */
export function unpackLzw(packed, found) {
  const before = new Uint16Array(CODES);
  const firsts = new Uint8Array(CODES);
  const lasts = new Uint8Array(CODES); // bytes of what a code stands for
  const lengths = new Uint16Array(CODES).fill(1, 0, CLEAR);
  for (let byte = 0; byte < CLEAR; byte++) firsts[byte] = lasts[byte] = byte;
  let bits = LEAST_BITS;
  let next = END + 1;
  let previous = -1;
  let filled = 0;
  let waiting = 0;
  let held = 0;
  for (let at = 0; filled < found.length;) {
    while (waiting < bits && at < packed.length) {
      held = (held << 8) | packed[at++];
      waiting += 8;
    }
    if (waiting < bits) break;
    const code = (held >>> (waiting - bits)) & ((1 << bits) - 1);
    waiting -= bits;
    held &= (1 << waiting) - 1;
    if (code === END) break;
    if (code === CLEAR) {
      [bits, next, previous] = [LEAST_BITS, END + 1, -1];
      continue;
    }
    if (code > next || (code === next && previous < 0)) throw new Error(`no code ${code}`);
    if (previous >= 0 && next < CODES) {
      before[next] = previous;
      lengths[next] = lengths[previous] + 1;
      firsts[next] = firsts[previous];
      lasts[next] = firsts[code === next ? previous : code];
      next += 1;
    }
    filled += write(code, before, lengths, lasts, found, filled);
    if (next + 1 >= 1 << bits && bits < MOST_BITS) bits += 1;
    previous = code;
  }
  return filled;
}

/** Write the bytes that a code stands for, from the last to the first.
 * @param {number} code @param {Uint16Array} before @param {Uint16Array} lengths
 * @param {Uint8Array} lasts @param {Uint8Array} found @param {number} start
 */
function write(code, before, lengths, lasts, found, start) {
  const length = lengths[code];
  for (let at = start + length - 1; at >= start; at--, code = before[code]) found[at] = lasts[code];
  return Math.min(length, found.length - start);
}
