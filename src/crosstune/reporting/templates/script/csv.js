// Makes CSV of what the page shows: a button at every table, and at figures whose numbers stand in a packed piece.
const FORMULA = /^[=+\-@\t\r]/;
const NUMBER = /^-?\d+(\.\d+)?(e-?\d+)?$/i;

function csvField(value) {
  let text = value === null || value === undefined ? "" : String(value);
  // A spreadsheet must not take a text for a formula.
  if (FORMULA.test(text) && !NUMBER.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvOf(rows) {
  return rows.map((row) => row.map(csvField).join(",")).join("\r\n") + "\r\n";
}

function shownText(cell) {
  return cell.textContent.replace(/\s+/g, " ").trim();
}

// Cells with exact numbers in data attributes become several columns: the value, its interval, and what stands beside.
const PARTS = ["value", "low", "high", "rated", "answers", "reasons"];

function tableRows(table) {
  const header = [...table.tHead.rows[0].cells].map(shownText);
  const body = [...table.tBodies].flatMap((part) => [...part.rows]).map((row) => [...row.cells]);
  const parts = header.map((_, column) =>
    PARTS.filter((part) => body.some((cells) => cells[column] && part in cells[column].dataset)),
  );
  const expanded = header.flatMap((title, column) =>
    parts[column].length ? parts[column].map((part) => (part === "value" ? title : `${title} ${part}`)) : [title],
  );
  const rows = body.map((cells) =>
    header.flatMap((_, column) => {
      const cell = cells[column];
      if (!cell) return parts[column].length ? parts[column].map(() => "") : [""];
      if (!parts[column].length) return [shownText(cell)];
      return parts[column].map((part) => cell.dataset[part] ?? "");
    }),
  );
  return [expanded, ...rows];
}

function save(name, text) {
  const address = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `${document.title.split(" · ")[0]}-${name}.csv`.replace(/[^\p{L}\p{N}._-]+/gu, "-");
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

function csvButton() {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "csv";
  button.textContent = "CSV";
  return button;
}

for (const table of document.querySelectorAll("table[data-name]")) {
  const button = csvButton();
  button.title = `Save ${table.dataset.name} as CSV`;
  button.addEventListener("click", () => save(table.dataset.name, csvOf(tableRows(table))));
  (table.closest(".wide") ?? table).before(button);
}

for (const button of document.querySelectorAll("button.csv[data-piece]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const { columns, rows } = await piece(button.dataset.piece);
    save(button.dataset.piece, csvOf([columns, ...rows]));
  });
}
