"use strict";
(function () {
  const table = document.getElementById("every"), body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells], rows = [...body.rows];
  const said = document.getElementById("sorted"), shown = document.getElementById("shown");
  const filter = document.getElementById("filter");
  const order = new Intl.Collator(undefined, { numeric: true }).compare;

  // --- Sorting: numbers by their value, texts as people do; what is unknown comes last. -----------------------------

  function value(row, column) {
    const cell = row.cells[column];
    if (cell.dataset.sort !== undefined) return Number(cell.dataset.sort);
    const text = cell.textContent.trim();
    return text === "-" ? null : text;
  }

  function compare(a, b) {
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a === "number" && typeof b === "number") return a - b;
    return order(String(a), String(b));
  }

  function sort(column) {
    const down = heads[column].getAttribute("aria-sort") === "ascending";
    const keyed = rows.map((row, i) => [value(row, column), i, row]);
    keyed.sort(([a, i], [b, j]) => {
      if (a === null || b === null) return compare(a, b) || i - j;
      return (down ? compare(b, a) : compare(a, b)) || i - j;
    });
    body.append(...keyed.map(([, , row]) => row));
    heads.forEach((head, i) => {
      if (i === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    said.textContent = "Sorted by " + heads[column].textContent + (down ? ", largest first." : ", smallest first.");
  }

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(column));
    head.replaceChildren(button);
  });

  // --- Which knees are shown. ---------------------------------------------------------------------------------------

  const texts = rows.map((row) => row.textContent.toLowerCase());

  function choose() {
    const words = filter.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
    let many = 0;
    rows.forEach((row, i) => {
      row.hidden = !words.every((word) => texts[i].includes(word));
      if (!row.hidden) many++;
    });
    shown.textContent = many + " of " + rows.length;
  }

  filter.addEventListener("input", choose);
  document.getElementById("filters").hidden = false;
  choose();
})();
