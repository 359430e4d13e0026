/** The files that belong to the page: beside it, or inside it where it is one file. */

/**
 * The content of a file of the page.
 * @param {string} name
 * @returns {Promise<ArrayBuffer>}
 */
export async function asset(name) {
  const inside = document.getElementById(name);
  if (inside) return unpacked(inside.textContent ?? "");
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(`${name} did not arrive: load the page again`);
  return answer.arrayBuffer();
}

/** @param {string} text a file that was packed with gzip and written in base 64 */
function unpacked(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let place = 0; place < letters.length; place++) bytes[place] = letters.charCodeAt(place);
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(plain).arrayBuffer();
}
