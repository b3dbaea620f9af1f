for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  table.querySelectorAll("thead th").forEach((head, column) => {
    if (head.classList.contains("pick")) return;  // what its cells hold has no order
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent.trim();
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const rising = head.getAttribute("aria-sort") !== "ascending";
      table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      const rows = [...body.rows].sort((a, b) => {
        const [first, second] = [value(a), value(b)];
        const [x, y] = [parseFloat(first), parseFloat(second)];
        const isNumber = !Number.isNaN(x) && !Number.isNaN(y);
        return (isNumber ? x - y : first.localeCompare(second)) * (rising ? 1 : -1);
      });
      body.append(...rows);
    });
  });
}
for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.text);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
}

// The rows of the board that hold the words, and the sections that these lead to.
for (const board of document.querySelectorAll("table.board")) {
  const line = document.querySelector("p.filter");
  const field = line.querySelector("input");
  line.hidden = false;
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [...board.tBodies[0].rows];
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      document.getElementById(row.dataset.section).closest("section").hidden = row.hidden;
    }
    const shown = rows.filter((row) => !row.hidden).length;
    line.querySelector("[role=status]").textContent = words.length ? `${shown} of ${rows.length}` : "";
  });
}

// A page of what is under way, looked at again while its reader wants that; the address remembers it.
for (const line of document.querySelectorAll("p.follow")) {
  const box = line.querySelector("input");
  let timer;
  const follow = () => {
    clearTimeout(timer);
    history.replaceState(null, "", box.checked ? "#follow" : location.pathname);
    if (box.checked) timer = setTimeout(() => location.reload(), 5000);
  };
  line.hidden = false;
  box.checked = location.hash === "#follow";
  box.addEventListener("change", follow);
  follow();
}
