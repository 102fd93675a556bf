// On a phone, a table's rows are shown as lists (see book.css), where each cell needs the name of its column. A first
// cell is the title of its list, and needs the name only if it is as short as a number.
for (const table of document.querySelectorAll("main table")) {
  const names = Array.from(table.querySelectorAll("thead th"), (head) => head.textContent);
  for (const row of table.querySelectorAll("tbody tr")) {
    Array.from(row.cells).forEach((cell, index) => {
      if (names[index] && (index > 0 || cell.textContent.length < 3)) cell.dataset.column = names[index];
    });
  }
}
