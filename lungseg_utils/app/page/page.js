// The page asks its own server and nobody else. A file's name stays here: only its bytes are sent.
"use strict";

const ATTEMPTS = 20; // while others are before us
const PAUSE = 120; // ms of rest after the last move of the slider
const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en-GB");

let limits = null; // what the server takes
let shown = null; // {token, name, file} of the X-ray on the screen
let asked = 0; // counts X-rays: only the last one asked for is shown
let following = null; // aborts the last question about a threshold
let timer = 0;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const threshold = () => Number($("threshold").value).toFixed(2);

/** The answer of the server; an Error with its sentence if it refuses. Waits while it is busy. */
async function ask(address, options = {}, attempt = 1) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The program behind this page does not answer: start it again in the terminal");
  }
  if (answer.status === 503 && answer.headers.has("Retry-After") && attempt < ATTEMPTS) {
    wait("Others are before you: waiting …");
    await pause(1000 * Number(answer.headers.get("Retry-After")));
    return ask(address, options, attempt + 1);
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new Error(said.error || `the server answered ${answer.status}`);
}

function wait(sentence) {
  $("wait").hidden = !sentence;
  $("waiting").textContent = sentence;
  if (sentence) say(sentence);
}

/** Say it once: what has not changed is not read out again. */
function say(sentence) {
  if ($("status").textContent !== sentence) $("status").textContent = sentence;
}

/** Show the sentence of an error, with the name of what it is about. */
function complain(sentence, name = "") {
  const named = sentence.startsWith("the file ") ? sentence.replace("the file", name) : `${name}: ${sentence}`;
  $("error").textContent = name ? named : sentence;
}

/** A name for a download: of the file's name only letters, digits and a few signs are left. */
function stem(name) {
  const last = name.split(/[\\/]/).pop().replace(/\.[^.]*$/, "");
  const plain = last.replace(/[^\p{L}\p{N}_-]+/gu, "_").replace(/^_+|_+$/g, "");
  return plain.slice(0, 60) || "xray";
}

/** Ask for an answer about an X-ray and show it; it is called `name` here and `file` in downloads. */
async function start(address, options, name, file, note = "") {
  const mine = ++asked;
  complain("");
  wait(limits?.ready ? `Looking at ${name} …` : "Loading the network …");
  try {
    const report = await (await ask(address, options)).json();
    if (mine !== asked) return;
    const picture = await fetchPicture(report.token, report.threshold);
    if (mine !== asked) return;
    following?.abort();
    clearTimeout(timer);
    shown = { token: report.token, name, file: stem(file) };
    $("threshold").value = report.threshold;
    await draw(report, picture);
    say(sentence(report, name) + note);
  } catch (error) {
    if (mine !== asked) return;
    say(shown ? `Still shown: ${shown.name}` : "No X-ray yet");
    complain(error.message, name);
  }
  wait("");
}

async function fetchPicture(token, at, signal) {
  const answer = await ask(`/xrays/${token}/overlay.png?threshold=${at}`, { signal });
  return answer.blob();
}

function sentence(report, name) {
  const lungs = ["no lung found", "one outline", "two outlines"][report.areas.length];
  const warnings = ["", ", one warning"][report.warnings.length] ?? `, ${report.warnings.length} warnings`;
  return `${name}: ${lungs}${warnings}`;
}

/** Put an answer on the screen, picture and numbers at once. */
async function draw(report, picture) {
  const image = $("picture");
  const before = image.src;
  const source = URL.createObjectURL(picture);
  const loaded = new Image();
  loaded.src = source;
  await loaded.decode();
  image.src = source;
  if (before) URL.revokeObjectURL(before);
  image.alt = `The X-ray ${shown.name} with the outline of the lungs in dashed orange`;
  image.hidden = false;
  document.body.classList.add("answered");
  $("choose").textContent = "Choose another file";
  for (const id of ["threshold", "mask", "overlay"]) $(id).disabled = false;
  list(report);
}

function list(report) {
  $("value").textContent = threshold();
  const known = report.spacing_mm !== null;
  $("areas").replaceChildren(...["left", "right"].map((side) => row(side, report)));
  $("spacing").textContent = known
    ? `A pixel is ${report.spacing_mm.map((mm) => mm.toFixed(3)).join(" × ")} mm high and wide.`
    : "cm² unknown: the file names no pixel size.";
  $("quality").textContent = report.quality?.toFixed(3) ?? "–";
  $("quality").classList.toggle("low", !report.reliable);
  $("cover").textContent = `${(100 * report.cover).toFixed(1)} %`;
  $("size").textContent = `${report.width} × ${report.height} pixels`;
  $("warnings").replaceChildren(...report.warnings.map((text) => item("li", text)));
}

function row(side, report) {
  const lung = report.areas.find((one) => one.image_side === side);
  const line = document.createElement("tr");
  const title = item("th", `image ${side}`);
  title.scope = "row";
  const patient = item("td", `patient ${side === "left" ? "right" : "left"}`);
  const pixels = item("td", lung ? number.format(lung.pixels) : "none", "number");
  const cm2 = item("td", lung ? (lung.cm2 === null ? "unknown" : lung.cm2.toFixed(1)) : "none", "number");
  line.append(title, patient, pixels, cm2);
  return line;
}

function item(kind, text, name = "") {
  const made = document.createElement(kind);
  made.textContent = text;
  made.className = name;
  return made;
}

/** What a file is called on the screen. */
function title(file) {
  return file.name.length > 60 ? `${file.name.slice(0, 40)} … ${file.name.slice(-16)}` : file.name;
}

function take(files) {
  const file = files[0];
  if (!file) return;
  for (const button of $("examples").children) button.setAttribute("aria-pressed", "false");
  const left = files.length > 1 ? `. One at a time: of ${files.length} files this is the first` : "";
  if (limits && file.size > limits.most_bytes) {
    complain(`the file is larger than ${limits.most_bytes >> 20} MB: export the X-ray alone, as PNG`, title(file));
    return;
  }
  const headers = { "Content-Type": "application/octet-stream" };
  start("/xrays", { method: "POST", body: file, headers }, title(file), file.name, left);
}

/** The picture and the numbers follow the slider; a question that was overtaken is dropped. */
function follow() {
  $("value").textContent = threshold();
  clearTimeout(timer);
  timer = setTimeout(async () => {
    following?.abort();
    following = new AbortController();
    const { signal } = following;
    const { token, name } = shown;
    const at = threshold();
    try {
      const [answer, picture] = await Promise.all([
        ask(`/xrays/${token}?threshold=${at}`, { signal }),
        fetchPicture(token, at, signal),
      ]);
      const report = await answer.json();
      if (signal.aborted) return;
      await draw(report, picture);
      complain("");
      say(sentence(report, name));
    } catch (error) {
      if (error.name !== "AbortError") complain(error.message, name);
    }
  }, PAUSE);
}

async function download(kind) {
  const { token, name, file } = shown;
  try {
    const answer = await ask(`/xrays/${token}/${kind}.png?threshold=${threshold()}`);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = `${file}_${kind}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    complain("");
  } catch (error) {
    complain(error.message, name);
  }
}

async function offerExamples() {
  const examples = await (await ask("/examples")).json();
  const buttons = examples.map((one, place) => {
    const button = item("button", one.name);
    button.type = "button";
    button.title = one.says;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      start(`/examples/${place}`, { method: "POST" }, `Example “${one.name}”`, one.name);
    });
    return button;
  });
  $("examples").replaceChildren(...buttons);
}

async function open() {
  await offerExamples();
  while (!limits?.ready) {
    limits = await (await ask("/state")).json();
    if (limits.problem) throw new Error(limits.problem);
    if (!limits.ready) {
      wait("Loading the network …");
      await pause(400);
    }
  }
  if (!asked) {
    wait("");
    say("Ready: no X-ray yet");
  }
}

$("file").addEventListener("change", (event) => {
  take(event.target.files);
  event.target.value = ""; // the same file can be chosen again
});
$("threshold").addEventListener("input", follow);
$("mask").addEventListener("click", () => download("mask"));
$("overlay").addEventListener("click", () => download("overlay"));
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
  take(event.dataTransfer.files);
});
if (!["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) {
  $("where").textContent = `Your X-ray is sent, unencrypted, to the computer ${location.hostname}: it is held in memory there and never written to disk.`;
}
open().catch((error) => {
  wait("");
  complain(error.message);
});
