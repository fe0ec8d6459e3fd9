"use strict";
// What every page has: a button that copies a command, and tables that a click on a head sorts.
(() => {
  const make = (tag, className, ...parts) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...parts);
    return element;
  };

  // --- copy a command ---------------------------------------------------------------------------

  const copy = async (block) => {
    const text = block.textContent.trim();
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      getSelection().selectAllChildren(block); // refused, or an old browser: left selected
      return document.execCommand("copy");
    }
  };

  for (const block of document.querySelectorAll("pre[data-copy]")) {
    const button = make("button", "copy", "Copy");
    const said = make("span", "copy-said");
    button.type = "button";
    said.setAttribute("role", "status");
    button.addEventListener("click", async () => {
      said.textContent = (await copy(block)) ? "copied" : "selected: copy it with the keyboard";
      setTimeout(() => said.replaceChildren(), 2000);
    });
    const box = make("div", "copy-box");
    block.replaceWith(box);
    box.append(block, button, said);
  }

  // --- sort tables ------------------------------------------------------------------------------

  // Cells with a key sort by it, others by their text; what has no key stands last either way.
  const keyOf = (row, column) => {
    const cell = row.cells[column];
    const key = cell.dataset.key;
    return { text: cell.textContent.trim(), number: key === undefined ? NaN : Number(key) };
  };
  const compared = (a, b, sign) => {
    if (Number.isNaN(a.number) && Number.isNaN(b.number)) return sign * a.text.localeCompare(b.text);
    if (Number.isNaN(a.number)) return 1;
    if (Number.isNaN(b.number)) return -1;
    return sign * (a.number - b.number);
  };

  const sortable = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    heads.forEach((head, column) => {
      const button = make("button", "sort");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const isFirst = head.getAttribute("aria-sort") !== "descending";
        const rows = [...body.rows].map((row) => ({ row, key: keyOf(row, column) }));
        rows.sort((a, b) => compared(a.key, b.key, isFirst ? -1 : 1)); // the largest drop first
        for (const each of heads) each.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", isFirst ? "descending" : "ascending");
        body.append(...rows.map((each) => each.row));
      });
    });
  };
  for (const table of document.querySelectorAll("table:has([data-key])")) sortable(table);
})();
