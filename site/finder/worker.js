/** What runs beside the page: reads X-rays and looks at them, one after the other. */
import { encode } from "fast-png";
import { decodeXray } from "./images.js";
import { loadNetworks } from "./networks.js";
import { outlinesOf, toGreyPicture } from "./overlay.js";
import { maskOf, predict, report } from "./predict.js";
import shared from "./shared.json";
import { DataError } from "./types.js";

/** @typedef {import("./types.js").Spacing} Spacing */
/** @typedef {{key: number, height: number, width: number}} Shown of the picture that is shown */

const SIDE = 960; // pixels of the longer side of the picture that is shown
const OVERTAKEN = "another X-ray was opened meanwhile: press the button again";

/** @type {Promise<import("./predict.js").Network[]>} */
let networks;
/** @type {(Shown & {prediction: import("./predict.js").Prediction}) | null} */
let last = null;

const answers = {
  /** @param {{wasm: ArrayBuffer, files: ArrayBuffer[]}} given */
  async load({ wasm, files }) {
    networks = loadNetworks(wasm, files);
    await networks;
    return {};
  },

  /** @param {{key: number, bytes: ArrayBuffer, name: string, spacingMm: Spacing | null}} given */
  async find({ key, bytes, name, spacingMm }) {
    const read = await decodeXray(new Uint8Array(bytes), name);
    const xray = { ...read, spacingMm: read.spacingMm ?? spacingMm };
    const prediction = await predict(await networks, xray);
    const picture = toGreyPicture(xray.image, xray.spacingMm, SIDE);
    last = { key, prediction, height: picture.height, width: picture.width };
    return { picture, ...cut(key, shared.predict.THRESHOLD) };
  },

  /** @param {{key: number, threshold: number}} given */
  async cut({ key, threshold }) {
    return cut(key, threshold);
  },

  /** @param {{key: number, threshold: number}} given */
  async mask({ key, threshold }) {
    const { data, height, width } = maskOf(held(key).prediction, threshold);
    return { png: encode({ data: data.map((one) => 255 * one), height, width, channels: 1 }) };
  },
};

/** @param {number} key @param {number} threshold */
function cut(key, threshold) {
  const { prediction, height, width } = held(key);
  const outlines = outlinesOf(maskOf(prediction, threshold, height, width));
  return { report: report(prediction, threshold), outlines };
}

/** @param {number} key */
function held(key) {
  if (last?.key !== key) throw new DataError(OVERTAKEN);
  return last;
}

let turn = Promise.resolve();
self.addEventListener("message", ({ data: { id, kind, given } }) => {
  turn = turn.then(async () => {
    try {
      const answer = await answers[/** @type {keyof typeof answers} */ (kind)](given);
      postMessage({ id, answer });
    } catch (error) {
      const sentence = error instanceof DataError ? error.message : "";
      postMessage({ id, sentence, fault: String(error) });
    }
  });
});
