// What both scripts of a page use, and tables that sort and filter. Without script the tables are the same.
// Text of a corpus is only ever set as text, never read as markup.
"use strict";
const make = (tag, attributes = {}, ...inside) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
};

// A header cell is clicked to sort; data-filter says how its column is filtered.

const content = (cell) => cell.dataset.v ?? cell.textContent.trim();
const number = (text) => {
  const found = text.replaceAll(",", "").replace("\u2212", "-").match(/[+-]?\d+(\.\d+)?(e[+-]?\d+)?/);
  return found ? Number(found[0]) : NaN;
};

function sortable(table) {
  const body = table.tBodies[0];
  for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
    if (!head.textContent.trim()) continue;
    const button = make("button", { type: "button" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const texts = column === 0 || head.classList.contains("text");
      const before = head.getAttribute("aria-sort");
      const down = before ? before === "ascending" : !texts;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const keyed = [...body.rows].map((row) => {
        const text = content(row.cells[column]);
        return [texts ? text : number(text), row];
      });
      keyed.sort(([a], [b]) => {
        if (texts) return (down ? -1 : 1) * a.localeCompare(b, undefined, { numeric: true });
        if (isNaN(a) || isNaN(b)) return isNaN(a) - isNaN(b); // what is empty stays last
        return down ? b - a : a - b;
      });
      body.append(...keyed.map(([, row]) => row));
    });
  }
}

function filterable(table) {
  const rows = [...table.tBodies[0].rows];
  const line = make("tr", { class: "filters" });
  const found = make("p", { class: "note found", role: "status" });
  const tests = [];
  const apply = () => {
    let shown = 0;
    for (const row of rows) shown += !(row.hidden = !tests.every((test) => test(row)));
    found.textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} shown`;
  };
  for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
    const kind = head.dataset.filter;
    const cell = make("td");
    line.append(cell);
    if (!kind) continue;
    const label = `Filter by ${head.textContent.trim()}`;
    if (kind === "text") {
      const input = make("input", { type: "search", placeholder: "search", "aria-label": label });
      tests.push((row) => {
        const wanted = input.value.toLowerCase().trim();
        return !wanted || row.cells[column].textContent.toLowerCase().includes(wanted);
      });
      input.addEventListener("input", apply);
      cell.append(input);
      continue;
    }
    const values = (row) => content(row.cells[column]).split(kind === "parts" ? "|" : "\0").filter(Boolean);
    const listed = [...new Set(rows.flatMap(values))].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
    const select = make("select", { "aria-label": label }, new Option("any", "any"));
    if (kind === "answer") select.append(new Option("right", "right"), new Option("wrong", "wrong"));
    for (const value of listed) select.append(new Option(value, `=${value}`));
    tests.push((row) => {
      const wanted = select.value;
      if (wanted === "any") return true;
      if (wanted[0] !== "=") return row.cells[column].classList.contains(wanted);
      return values(row).includes(wanted.slice(1));
    });
    select.addEventListener("change", apply);
    cell.append(select);
  }
  table.tHead.append(line);
  table.parentElement.before(found);
  apply();
}

for (const table of document.querySelectorAll("table.sortable")) {
  sortable(table);
  if (table.querySelector("th[data-filter]") && table.tBodies[0].rows.length > 6) filterable(table);
}
