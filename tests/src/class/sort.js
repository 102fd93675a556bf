
"use strict";
const rows = document.querySelector(".class tbody");
const byName = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" }).compare;
const points = cell => { const number = parseInt(cell.textContent, 10); return isNaN(number) ? -1 : number; };
for (const button of document.querySelectorAll(".class button")) {
  button.addEventListener("click", () => {
    const heading = button.parentElement, column = Number(button.dataset.column);
    const compare = column === 0 ? (a, b) => byName(a.textContent, b.textContent) : (a, b) => points(a) - points(b);
    // The first click shows the names from A to Z, and the best sums on top.
    const before = heading.getAttribute("aria-sort");
    const ascending = before ? before === "descending" : column === 0;
    for (const other of document.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const sign = ascending ? 1 : -1;
    rows.append(...[...rows.rows].sort((a, b) => sign * compare(a.cells[column], b.cells[column])));
  });
}
