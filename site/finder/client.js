/** The page's side of the worker: questions and their answers, and a new worker if one fails. */
import { asset } from "./assets.js";
import shared from "./shared.json";

const PATIENCE = 60_000; // ms that an answer may take, on the slowest of phones
const FAILED = "this X-ray cannot be read here: try another file";

/** @typedef {import("./predict.js").Report} Report */
/** @typedef {{report: Report, outlines: Float32Array[]}} Cut */
/** @typedef {{data: Uint8ClampedArray<ArrayBuffer>, height: number, width: number}} Picture */

/** Asks a worker, which is started and given the networks at once. */
export class Client {
  constructor() {
    /** @type {Map<number, {done: (answer: any) => void, failed: (error: Error) => void}>} */
    this.waiting = new Map();
    this.asked = 0;
    this.start();
  }

  /** Start a worker; what an earlier one was asked has failed. */
  start() {
    this.ready = this.open();
    this.ready.catch(() => {}); // whoever asks is told
  }

  async open() {
    const [program, wasm, ...files] = await Promise.all(
      ["worker.js", "ort.wasm", ...shared.networks.files].map(asset),
    );
    // from a blob, so that the page's Content-Security-Policy holds for it too
    const address = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
    const worker = new Worker(address);
    this.worker = worker;
    worker.addEventListener("message", ({ data }) => this.settle(data));
    worker.addEventListener("error", () => this.restart(worker));
    await this.send("load", { wasm, files }, [wasm, ...files]);
    URL.revokeObjectURL(address);
  }

  /** @param {Worker} worker that has failed */
  restart(worker) {
    if (worker !== this.worker) return;
    worker.terminate();
    for (const id of [...this.waiting.keys()]) this.settle({ id, sentence: FAILED });
    this.start();
  }

  /** @param {{id: number, answer?: object, sentence?: string, fault?: string}} data */
  settle({ id, answer, sentence, fault }) {
    const asker = this.waiting.get(id);
    this.waiting.delete(id);
    if (fault && !sentence) console.warn(fault);
    if (answer) asker?.done(answer);
    else asker?.failed(new Error(sentence || FAILED));
  }

  /**
   * @param {string} kind @param {object} given @param {Transferable[]} [moved]
   * @returns {Promise<any>}
   */
  send(kind, given, moved = []) {
    const [id, worker] = [this.asked++, /** @type {Worker} */ (this.worker)];
    return new Promise((done, failed) => {
      const late = setTimeout(() => this.restart(worker), PATIENCE);
      const end = (/** @type {(value: any) => void} */ next) => (/** @type {any} */ value) => {
        clearTimeout(late);
        next(value);
      };
      this.waiting.set(id, { done: end(done), failed: end(failed) });
      worker.postMessage({ id, kind, given }, moved);
    });
  }

  /**
   * Find the lungs in a file, which is called `key` from then on.
   * @param {number} key @param {ArrayBuffer} bytes @param {string} name
   * @param {import("./types.js").Spacing | null} spacingMm what is known if the file does not say
   * @returns {Promise<Cut & {picture: Picture}>}
   */
  async find(key, bytes, name, spacingMm) {
    await this.ready;
    return this.send("find", { key, bytes, name, spacingMm }, [bytes]);
  }

  /**
   * The mask of an X-ray cut at another threshold.
   * @param {number} key @param {number} threshold
   * @returns {Promise<Cut>}
   */
  async cut(key, threshold) {
    await this.ready;
    return this.send("cut", { key, threshold });
  }

  /**
   * The mask as a PNG of the X-ray's own size.
   * @param {number} key @param {number} threshold
   * @returns {Promise<Blob>}
   */
  async mask(key, threshold) {
    await this.ready;
    const { png } = await this.send("mask", { key, threshold });
    return new Blob([png], { type: "image/png" });
  }
}
