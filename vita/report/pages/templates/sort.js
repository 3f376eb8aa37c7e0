"use strict";
// Every header of a table becomes a button that sorts its rows; a second press turns the order round.
// Empty cells stay last, and so does a row of totals. Without this script a page shows all the same.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0], headers = [...table.tHead.rows[0].cells];
  if (body.rows.length < 2) continue;
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const down = header.getAttribute("aria-sort") === "ascending";
      for (const other of headers) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", down ? "descending" : "ascending");
      const order = (one, two) => {
        const [p, q] = [one, two].map((row) => row.className === "total");
        if (p !== q) return p - q;
        const [a, b] = [one.cells[column], two.cells[column]];
        if (!a.textContent || !b.textContent) return !a.textContent - !b.textContent;
        const [x, y] = [a.dataset.value, b.dataset.value];
        const found = x !== undefined && y !== undefined ? x - y
          : (x === undefined) - (y === undefined) || a.textContent.localeCompare(b.textContent, "en", {numeric: true});
        return down ? -found : found;
      };
      body.append(...[...body.rows].sort(order));
    });
  });
}
