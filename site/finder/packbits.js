/** PackBits, the runs of bytes in DICOM's RLE and in TIFF. */

/** Unpack runs of bytes into others, as many as these hold.
 * @param {Uint8Array} packed @param {Uint8Array} found
 * @returns {number} how many there are
 */
export function packBits(packed, found) {
  let at = 0;
  let filled = 0;
  while (at < packed.length && filled < found.length) {
    const head = packed[at++];
    if (head < 128) {
      const run = packed.subarray(at, at + Math.min(head + 1, found.length - filled));
      found.set(run, filled);
      filled += run.length;
      at += head + 1;
    } else if (head > 128 && at < packed.length) {
      const end = Math.min(filled + 257 - head, found.length);
      found.fill(packed[at++], filled, end);
      filled = end;
    }
  }
  return filled;
}
