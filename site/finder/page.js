/** The page: takes files, shows what the worker says of them. Nothing leaves it but downloads. */
import { asset } from "./assets.js";
import { Client } from "./client.js";
import { draw } from "./overlay.js";
import { say } from "./say.js";
import shared from "./shared.json";
import { asCsv } from "./table.js";

/** @typedef {import("./client.js").Cut} Cut */
/** @typedef {import("./types.js").Spacing} Spacing */
/**
 * One X-ray of this visit.
 * @typedef {object} Item
 * @property {number} key
 * @property {string} title how it is called on the page
 * @property {string} file its name
 * @property {() => Promise<ArrayBuffer>} read
 * @property {number} size in bytes
 * @property {Spacing | null} spacingMm
 * @property {boolean} isExample
 * @property {import("./predict.js").Report | null} report
 * @property {string} error
 */

const PAUSE = 60; // ms of rest after the last move of the slider
const MOST_BYTES = shared.images.MOST_BYTES;
const $ = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const slider = /** @type {HTMLInputElement} */ ($("threshold"));
const chosen = /** @type {HTMLInputElement} */ ($("file"));
const canvas = /** @type {HTMLCanvasElement} */ ($("picture"));
const count = new Intl.NumberFormat("en-GB");

const client = new Client();
/** @type {Item[]} */
const items = [];
/** @type {Item[]} */
let queue = [];
let [isBusy, isLoaded] = [false, false];
/** @type {Item | null} */
let shown = null;
/** @type {import("./client.js").Picture | null} */
let picture = null;
let timer = 0;

const threshold = () => Number(slider.value);

/** @param {string} sentence empty when there is nothing to wait for */
function wait(sentence) {
  $("wait").hidden = !sentence;
  $("waiting").textContent = sentence;
  if (sentence) tell(sentence);
}

/** Said once: what has not changed is not read out again. @param {string} sentence */
function tell(sentence) {
  if ($("status").textContent !== sentence) $("status").textContent = sentence;
}

/** @param {string} sentence of an error, or empty */
function complain(sentence) {
  $("error").textContent = sentence;
}

/** A name for a download: letters, digits and a few signs of the file's. @param {string} name */
function stem(name) {
  const last = (name.split(/[\\/]/).pop() ?? "").replace(/\.[^.]*$/, "");
  const plain = last.replace(/[^\p{L}\p{N}_-]+/gu, "_").replace(/^_+|_+$/g, "");
  return plain.slice(0, 60) || "xray";
}

/** @param {string} name of a file, shortened for the page */
function short(name) {
  return name.length > 60 ? `${name.slice(0, 40)} … ${name.slice(-16)}` : name;
}

/** @param {string} kind @param {string} text @param {string} [name] */
function element(kind, text, name = "") {
  const made = document.createElement(kind);
  made.textContent = text;
  made.className = name;
  return made;
}

/** @param {Iterable<File>} files */
function take(files) {
  for (const button of $("examples").children) button.setAttribute("aria-pressed", "false");
  for (const file of files) {
    add({
      title: short(file.name),
      file: file.name,
      read: () => file.arrayBuffer(),
      size: file.size,
    });
  }
}

/** @param {Pick<Item, "title" | "file" | "read"> & Partial<Item>} given */
function add(given) {
  const unknown = { spacingMm: null, size: 0, isExample: false, report: null, error: "" };
  const item = { ...unknown, ...given, key: items.length };
  items.push(item);
  queue.push(item);
  if (!isBusy) work();
}

async function work() {
  isBusy = true;
  complain("");
  for (let item = queue.shift(); item; item = queue.shift()) {
    wait(`${isLoaded ? "Looking at" : "Loading the network for"} ${item.title} …`);
    $("stop").hidden = !queue.length;
    await look(item);
    isLoaded = true;
    list();
  }
  $("stop").hidden = true;
  wait("");
  isBusy = false;
}

/** @param {Item} item */
async function look(item) {
  try {
    if (item.size > MOST_BYTES) throw new Error(say("{} is larger", item.title, MOST_BYTES >> 20));
    const found = await client.find(item.key, await item.read(), item.title, item.spacingMm);
    picture = found.picture;
    slider.value = String(found.report.threshold);
    show(item, found);
    complain("");
  } catch (error) {
    item.error = /** @type {Error} */ (error).message;
    complain(item.error);
    tell(shown ? `Still shown: ${shown.title}` : "No X-ray yet");
  }
}

/** @param {Item} item @param {Cut} found */
function show(item, { report, outlines }) {
  shown = item;
  item.report = report;
  if (picture) draw(canvas, picture, outlines);
  canvas.setAttribute(
    "aria-label",
    `The X-ray ${item.title} with the outline of the lungs in dashed orange`,
  );
  canvas.hidden = false;
  document.body.classList.add("answered");
  for (const id of ["threshold", "mask", "overlay"]) $(id).removeAttribute("disabled");
  numbers(report);
  tell(sentence(item.title, report));
}

/** @param {string} title @param {import("./predict.js").Report} report */
function sentence(title, { areas, warnings }) {
  const lungs = ["no lung found", "one outline", "two outlines"][areas.length];
  const also = ["", ", one warning"][warnings.length] ?? `, ${warnings.length} warnings`;
  return `${title}: ${lungs}${also}`;
}

/** @param {import("./predict.js").Report} report */
function numbers(report) {
  const { spacingMm, quality } = report;
  $("value").textContent = report.threshold.toFixed(2);
  $("areas").replaceChildren(...["left", "right"].map((side) => areaRow(side, report)));
  $("spacing").textContent = spacingMm
    ? `A pixel is ${spacingMm.map((mm) => mm.toFixed(3)).join(" × ")} mm high and wide.`
    : "cm² unknown: the file does not say how large a pixel is.";
  $("quality").textContent = quality === null ? "–" : quality.toFixed(3);
  $("quality").classList.toggle("low", !report.reliable);
  $("cover").textContent = `${(100 * report.cover).toFixed(1)} %`;
  $("size").textContent = `${report.width} × ${report.height} pixels`;
  $("warnings").replaceChildren(...report.warnings.map((text) => element("li", text)));
}

/** @param {string} side @param {import("./predict.js").Report} report */
function areaRow(side, report) {
  const lung = report.areas.find((one) => one.imageSide === side);
  const line = document.createElement("tr");
  const title = element("th", `image ${side}`);
  title.setAttribute("scope", "row");
  line.append(
    title,
    element("td", `patient ${side === "left" ? "right" : "left"}`),
    element("td", lung ? count.format(lung.pixels) : "none", "number"),
    element("td", lung ? (lung.cm2?.toFixed(1) ?? "unknown") : "none", "number"),
  );
  return line;
}

/** The files of the reader, without the examples. */
const own = () => items.filter((item) => !item.isExample);

/** The table of all files, once there are several. */
function list() {
  $("files").hidden = own().length < 2;
  if (own().length > 1) $("rows").replaceChildren(...own().map(fileRow));
}

/** @param {Item} item */
function fileRow(item) {
  const line = document.createElement("tr");
  const title = document.createElement("th");
  title.setAttribute("scope", "row");
  title.append(item.report ? againButton(item) : item.title);
  const { quality = null, areas = [], warnings = [] } = item.report ?? {};
  const area = (/** @type {string} */ side) => {
    const lung = areas.find((one) => one.imageSide === side);
    return lung
      ? lung.cm2 === null
        ? `${count.format(lung.pixels)} px`
        : `${lung.cm2.toFixed(1)} cm²`
      : "–";
  };
  line.append(
    title,
    element("td", quality?.toFixed(3) ?? "–", "number"),
    element("td", area("left"), "number"),
    element("td", area("right"), "number"),
    element("td", item.error || warnings.join("; ") || (item.report ? "" : "waiting")),
  );
  if (item === shown) line.setAttribute("aria-current", "true");
  return line;
}

/** @param {Item} item */
function againButton(item) {
  const button = element("button", item.title);
  button.setAttribute("type", "button");
  button.addEventListener("click", () => {
    queue.push(item);
    if (!isBusy) work();
  });
  return button;
}

/** The outline and the numbers follow the slider; only its last place counts. */
function follow() {
  $("value").textContent = threshold().toFixed(2);
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const [item, at] = [shown, threshold()];
    if (!item) return;
    try {
      const found = await client.cut(item.key, at);
      if (item === shown && at === threshold()) show(item, found);
      complain("");
    } catch (error) {
      complain(/** @type {Error} */ (error).message);
    }
    list();
  }, PAUSE);
}

/** @param {Blob} content @param {string} name */
function save(content, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function saveMask() {
  if (!shown) return;
  const { key, file } = shown;
  try {
    save(await client.mask(key, threshold()), `${stem(file)}_mask.png`);
  } catch (error) {
    complain(/** @type {Error} */ (error).message);
  }
}

function savePicture() {
  const name = `${stem(shown?.file ?? "")}_overlay.png`;
  canvas.toBlob((content) => content && save(content, name), "image/png");
}

function offerExamples() {
  const buttons = shared.examples.map(({ name, says, file, spacing_mm }) => {
    const button = element("button", name);
    button.setAttribute("type", "button");
    button.title = says;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      const spacingMm = /** @type {Spacing | null} */ (spacing_mm);
      const title = `Example “${name}”`;
      add({ title, file: name, read: () => asset(file), spacingMm, isExample: true });
    });
    return button;
  });
  $("examples").replaceChildren(...buttons);
  buttons[0].click(); // so that there is something to see at once
}

chosen.addEventListener("change", () => {
  take(chosen.files ?? []);
  chosen.value = ""; // the same file can be chosen again
});
slider.addEventListener("input", follow);
$("mask").addEventListener("click", saveMask);
$("overlay").addEventListener("click", savePicture);
$("csv").addEventListener("click", () => {
  save(new Blob([asCsv(own())], { type: "text/csv" }), "lungs.csv");
});
$("stop").addEventListener("click", () => {
  for (const item of queue) item.error = "not looked at: you stopped";
  queue = [];
  list();
});
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  take(event.dataTransfer?.files ?? []);
});
document.addEventListener("paste", (event) => take(event.clipboardData?.files ?? []));
offerExamples();
