// Plots that answer to a pointer, and that can be taken along as PNG, SVG or CSV. Without this script they stand still.
{
  const specOf = (box) => JSON.parse(box.querySelector("script").textContent);
  const nameOf = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60) || "plot";

  // The library is unpacked when a plot is first touched, so that the page is there before it.
  let loading;
  const load = () => loading ??= (async () => {
    const letters = document.getElementById("plot-library").textContent;
    const bytes = Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
    const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(unpacked).text();
    document.head.append(script);
  })();

  const enliven = async (box) => {
    if (box.dataset.state) return;
    box.dataset.state = "waiting";
    await load();
    const { width, height } = box.querySelector("svg.plot").getBoundingClientRect();
    const look = JSON.parse(document.getElementById("plot-look").textContent);
    const live = document.createElement("div");
    live.className = "live";
    const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
    // "ast": expressions are interpreted, since the page allows no script to be made from text.
    const options = { mode: "vega-lite", ast: true, renderer: "svg", actions: false, defaultStyle: false,
      config: look.config, formatLocale: look.locale, tooltip: { theme: isDark ? "dark" : "light" } };
    const made = await vegaEmbed(live, { ...specOf(box), width, height }, options);
    box.querySelector("svg.plot").after(live);
    box.still = () => { made.finalize(); live.remove(); tell(box, ""); };
    tell(box, "live");
  };

  const tell = (box, state) => {
    box.dataset.state = state;
    box.nextElementSibling.firstElementChild.setAttribute("aria-pressed", state === "live");
  };

  const save = (blob, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  const drawingOf = (box) => {
    const shown = box.querySelector(".live svg") ?? box.querySelector("svg.plot");
    const copy = shown.cloneNode(true);
    const [, , width, height] = copy.getAttribute("viewBox").split(" ").map(Number);
    const ground = document.createElementNS(copy.namespaceURI, "rect");
    for (const [key, value] of Object.entries({ width, height, fill: "var(--card)" })) ground.setAttribute(key, value);
    for (const [key, value] of Object.entries({ width, height })) copy.setAttribute(key, value);
    copy.setAttribute("style", "font: 12.5px sans-serif; paint-order: stroke");
    copy.prepend(ground);
    const style = getComputedStyle(box);
    const text = new XMLSerializer().serializeToString(copy);
    return { width, height, text: text.replace(/var\((--[\w-]+)\)/g, (_, name) => style.getPropertyValue(name).trim()) };
  };

  const saveSvg = (box, name) => save(new Blob([drawingOf(box).text], { type: "image/svg+xml" }), `${name}.svg`);

  const savePng = async (box, name) => {
    const { width, height, text } = drawingOf(box);
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2 * width, 2 * height];
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(blob, `${name}.png`), "image/png");
  };

  const cell = (value) => {
    const text = String(value ?? "");
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const saveRows = (rows, name) => {
    const text = rows.map((row) => row.map(cell).join(",") + "\r\n").join("");
    save(new Blob([text], { type: "text/csv" }), `${name}.csv`);
  };

  const rowsOf = (spec) => {
    const fields = spec.usermeta.columns.map(([field]) => field);
    const rows = [spec.usermeta.columns.map(([, heading]) => heading)];
    for (const row of spec.datasets.plotted) {
      const lists = fields.map((field) => row[field]).filter(Array.isArray);
      const length = lists.length ? Math.max(...lists.map((list) => list.length)) : 1;
      for (let i = 0; i < length; i += 1) {
        rows.push(fields.map((field) => (Array.isArray(row[field]) ? row[field][i] : row[field])));
      }
    }
    return rows;
  };

  const rowsOfTable = (table) => [...table.rows].map((row) => [...row.cells].map(
    (each) => (each.tagName === "TH" && each.title) || each.textContent.trim() || (each.tagName === "TD" ? 0 : "")));

  const addTools = (after, title, tools) => {
    const bar = document.createElement("p");
    bar.className = "tools";
    for (const [word, act] of tools) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = word;
      button.setAttribute("aria-label", `${word}: ${title}`);
      button.addEventListener("click", act);
      bar.append(button);
    }
    after.after(bar);
  };

  // A plot that only passes below the mouse, while the page is scrolled, stands still.
  const enlivenUnderMouse = (box) => {
    let waiting;
    box.addEventListener("pointerenter", (event) => {
      if (event.pointerType === "mouse") waiting = setTimeout(() => enliven(box), 150);
    });
    box.addEventListener("pointerleave", () => clearTimeout(waiting));
  };

  const hasLibrary = document.getElementById("plot-library") && "DecompressionStream" in window;
  for (const box of document.querySelectorAll(".drawn")) {
    const { title } = box.dataset;
    const name = nameOf(title);
    const toggle = () => (box.dataset.state === "live" ? box.still() : enliven(box));
    addTools(box, title, [
      ...(hasLibrary ? [["Zoom and values", toggle]] : []),
      ["PNG", () => savePng(box, name)],
      ["SVG", () => saveSvg(box, name)],
      ["CSV", () => saveRows(rowsOf(specOf(box)), name)],
    ]);
    if (hasLibrary) enlivenUnderMouse(box);
  }
  for (const table of document.querySelectorAll("table.confusion")) {
    const title = table.caption.textContent;
    addTools(table.closest(".scroll") ?? table, title, [["CSV", () => saveRows(rowsOfTable(table), nameOf(title))]]);
  }
  // What was drawn for another width stands still again; a phone changes its height while it scrolls.
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    document.querySelectorAll(".drawn[data-state=live]").forEach((box) => box.still());
  });
}
