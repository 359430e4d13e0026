/** The table of all files, as `lungseg predict` writes scores.csv. */
import shared from "./shared.json";

const { TABLE_COLUMNS, LUNG_COLUMNS, FORMULA } = shared.table;

/**
 * One file of the table.
 * @typedef {object} Row
 * @property {string} file
 * @property {string} error a sentence, or empty
 * @property {import("./predict.js").Report | null} report
 */

/**
 * The rows as CSV.
 * @param {Row[]} rows
 * @returns {string}
 */
export function asCsv(rows) {
  const lines = [
    TABLE_COLUMNS,
    ...rows.map((row) => TABLE_COLUMNS.map((name) => flat(row)[name] ?? "")),
  ];
  return lines.map((line) => `${line.map(cell).join(",")}\n`).join("");
}

/** @param {Row} row @returns {Record<string, string | number | null>} */
function flat({ file, error, report }) {
  if (!report) return { file, error };
  const { height, width, threshold, quality, spacingMm } = report;
  const [row_mm, column_mm] = spacingMm ?? ["", ""];
  const lungs = report.areas.flatMap(({ imageSide, pixels, cm2 }) => [
    [`${LUNG_COLUMNS[imageSide]}_px`, pixels],
    [`${LUNG_COLUMNS[imageSide]}_cm2`, cm2],
  ]);
  return {
    file,
    error,
    quality,
    height,
    width,
    row_mm,
    column_mm,
    threshold,
    warnings: report.warnings.join("; "),
    network: shared.networks.name,
    ...Object.fromEntries(lungs),
  };
}

/** @param {string | number | null} value in a form that no spreadsheet computes */
function cell(value) {
  const text = String(value ?? "");
  const safe = typeof value === "string" && FORMULA.includes(text[0]) ? `./${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
