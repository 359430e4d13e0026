/** The networks that ship with the package, run by ONNX Runtime in WebAssembly. */
import * as ort from "onnxruntime-web/wasm";

/** @typedef {import("./types.js").Plane} Plane */

/**
 * Load the networks.
 * @param {ArrayBuffer} wasm ONNX Runtime's own program
 * @param {ArrayBuffer[]} files a network each, in ONNX
 * @returns {Promise<import("./predict.js").Network[]>}
 */
export async function loadNetworks(wasm, files) {
  ort.env.wasm.numThreads = 1; // more need headers that a static page cannot send
  ort.env.wasm.wasmBinary = wasm;
  const networks = [];
  for (const file of files) networks.push(network(await ort.InferenceSession.create(file)));
  return networks;
}

/** @param {ort.InferenceSession} session @returns {import("./predict.js").Network} */
function network(session) {
  const [takes] = session.inputMetadata;
  const size = takes.isTensor ? Number(takes.shape[1]) : 0;

  /** @param {Plane[]} batch of images (size, size) @returns {Promise<Plane[]>} probabilities */
  async function run(batch) {
    const data = new Float32Array(batch.length * size * size);
    batch.forEach((one, place) => data.set(one.data, place * size * size));
    const input = new ort.Tensor("float32", data, [batch.length, size, size, 1]);
    const output = (await session.run({ [takes.name]: input }))[session.outputNames[0]];
    const found = /** @type {Float32Array} */ (output.data);
    return batch.map((_, place) => ({
      data: found.slice(place * size * size, (place + 1) * size * size),
      height: size,
      width: size,
    }));
  }

  return { size, run };
}
