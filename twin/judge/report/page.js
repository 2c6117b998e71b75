"use strict";
// Tables sort by their heads; everything is there and readable without this.
(() => {
  const key = (row, i) => {
    const cell = row.cells[i];
    const text = (cell.dataset.v ?? cell.textContent).trim();
    const number = parseFloat(text.replace(/[\s\u202f\u00a0]/g, "").replace("\u2212", "-").replace(/^×/, ""));
    return { text, number, empty: text === "" || text === "\u2014" };
  };
  const compare = (a, b) =>
    !Number.isNaN(a.number) && !Number.isNaN(b.number) ? a.number - b.number : a.text.localeCompare(b.text, "en", { numeric: true });
  const sort = (table, i, head, heads) => {
    const down = head.getAttribute("aria-sort") === "ascending";
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => ({ row, at: key(row, i) }));
    // What is not known comes last, whichever way round.
    rows.sort((a, b) => a.at.empty - b.at.empty || (down ? -1 : 1) * compare(a.at, b.at));
    heads.forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows.map((each) => each.row));
  };
  for (const table of document.querySelectorAll("table.sort")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, i, head, heads));
      head.append(button);
      head.setAttribute("aria-sort", "none");
    });
  }
  const open = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", open);
  if (location.hash) open();
})();
