document.addEventListener("DOMContentLoaded", () => {
  // The theme names this button "Search", and shows more than that on it: "Search Ctrl+K".
  for (const button of document.querySelectorAll(".search-button-field")) {
    button.removeAttribute("aria-label");
    button.removeAttribute("title");
  }
  // Sentences that a cell printed are wrapped; columns would be torn apart by that.
  for (const printed of document.querySelectorAll(".cell_output pre")) {
    const rows = (printed.textContent ?? "").match(/^.*\S {2,}\S.*$/gm) ?? [];
    printed.classList.toggle("columns", rows.length > 1);
  }
});
