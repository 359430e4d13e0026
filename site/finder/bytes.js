/** Looking for bytes, and reading them as text. */

/** @param {string} text of Latin-1 @returns {Uint8Array} */
export const bytesOf = (text) => Uint8Array.from(text, (one) => one.charCodeAt(0));

/** As Python decodes Latin-1; a browser's own decoder takes it for windows-1252.
 * @param {Uint8Array} bytes @returns {string}
 */
export function latin1(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Whether these bytes stand at a place. @param {Uint8Array} bytes @param {Uint8Array} wanted */
export function standsAt(bytes, wanted, place = 0) {
  if (place + wanted.length > bytes.length) return false;
  for (let at = 0; at < wanted.length; at++) if (bytes[place + at] !== wanted[at]) return false;
  return true;
}

/** The first place of some bytes from a place on, -1 where there is none.
 * @param {Uint8Array} bytes @param {Uint8Array} wanted
 */
export function find(bytes, wanted, place = 0) {
  let at = bytes.indexOf(wanted[0], place);
  while (at >= 0 && !standsAt(bytes, wanted, at)) at = bytes.indexOf(wanted[0], at + 1);
  return at;
}

/** How often some bytes stand in others. @param {Uint8Array} bytes @param {Uint8Array} wanted */
export function count(bytes, wanted) {
  let found = 0;
  for (let at = find(bytes, wanted); at >= 0; at = find(bytes, wanted, at + wanted.length)) found++;
  return found;
}

/** @param {Uint8Array} bytes @returns {DataView} */
export const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Unpack what the browser itself can, and no more than is wanted: a few bytes can be gigabytes.
 * @param {Uint8Array} packed @param {number} most bytes that are wanted
 * @returns {Promise<Uint8Array>} of `most` bytes
 * Raises: an error if it is damaged, or holds less
 */
export async function inflated(packed, most) {
  const stream = new Blob([/** @type {BlobPart} */ (packed)]).stream();
  const reader = stream.pipeThrough(new DecompressionStream("deflate")).getReader();
  const found = new Uint8Array(most);
  let length = 0;
  while (true) {
    const { done, value } = await reader.read();
    if (done) break;
    found.set(value.subarray(0, most - length), length);
    length += value.length;
    if (length > most) {
      await reader.cancel();
      break;
    }
  }
  if (length < most) throw new Error(`${length} of ${most} bytes are there`);
  return found;
}

/**
 * @typedef {Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array} Integers
 */

/** Bytes as whole numbers, the low byte first.
 * @param {ArrayBufferLike} buffer @param {number} size of a number in bytes @returns {Integers}
 * Raises: an error if there are no numbers of that size
 */
export function integersOf(buffer, size, isSigned = false) {
  if (size === 1) return isSigned ? new Int8Array(buffer) : new Uint8Array(buffer);
  if (size === 2) return isSigned ? new Int16Array(buffer) : new Uint16Array(buffer);
  if (size === 4) return isSigned ? new Int32Array(buffer) : new Uint32Array(buffer);
  throw new Error(`numbers of ${size} bytes`);
}

/** Turn the bytes of each number round, in place. @param {Uint8Array} bytes @param {number} size */
export function swapBytes(bytes, size) {
  for (let at = 0; size > 1 && at < bytes.length; at += size) {
    for (let low = at, high = at + size - 1; low < high; low++, high--) {
      const byte = bytes[low];
      bytes[low] = bytes[high];
      bytes[high] = byte;
    }
  }
}
