/** The package's sentences, which `shared.json` holds: none of them is written a second time. */
import shared from "./shared.json";

const SLOT = /\{(?::([^}]*))?\}/g;

/**
 * The one sentence of the package that begins so, with values in its slots.
 * @param {string} beginning enough of it to tell it from the others: "{} is cut short"
 * @param {...(string | number)} values
 * @returns {string}
 */
export function say(beginning, ...values) {
  const found = shared.sentences.filter((one) => one.startsWith(beginning));
  const sentence = found.find((one) => one === beginning) ?? found[0];
  if (!sentence || (found.length > 1 && sentence !== beginning)) {
    throw new Error(`${found.length} sentences begin with "${beginning}"`);
  }
  let next = 0;
  return sentence.replace(SLOT, (_, format) => shown(values[next++], format ?? ""));
}

/** @param {string | number} value @param {string} format as in Python */
function shown(value, format) {
  const number = Number(value);
  if (format.endsWith("%")) return `${evenly(100 * number, digits(format))}%`;
  if (format.endsWith("f")) return evenly(number, digits(format));
  if (format === "g") return general(number);
  return String(value);
}

/** @param {number} number */
function general(number) {
  const [digits, power] = number.toExponential(5).split("e");
  if (Number(power) >= -4 && Number(power) < 6) return String(Number(number.toPrecision(6)));
  return `${Number(digits)}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

/** @param {string} format */
const digits = (format) => Number(format.slice(1, -1));

/** As Python rounds: a half goes to the even digit. @param {number} number @param {number} places */
function evenly(number, places) {
  const scaled = number * 10 ** places;
  const below = Math.floor(scaled);
  const isHalf = scaled - below === 0.5;
  return (isHalf && below % 2 === 0 ? below / 10 ** places : number).toFixed(places);
}
