"use strict";
// The page is whole without this script: it only sorts, filters, answers to pointing, and saves the figures.
(() => {
  const table = document.getElementById("decision-table");
  if (table) decisions(table);
  tips();
  save();

  function decisions(table) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const chips = [...document.querySelectorAll(".chip")];
    const search = document.getElementById("decision-search");
    const said = document.getElementById("decision-count");
    const state = { act: "", sort: "", down: false, text: "" };

    const name = (head) => head.textContent.trim().toLowerCase();
    const value = (row, index, number) => {
      const cell = row.cells[index];
      const text = cell.dataset.sort ?? cell.textContent;
      return number ? Number(text) : text.toLowerCase();
    };

    const wanted = (act) => !state.act || (state.act === "!hold" ? act !== "hold" : act === state.act);

    function show() {
      const index = heads.findIndex((head) => name(head) === state.sort);
      heads.forEach((head, at) => head.setAttribute("aria-sort", at !== index ? "none" : state.down ? "descending" : "ascending"));
      if (index >= 0) {
        const number = heads[index].dataset.type === "number";
        const rows = [...body.rows].map((row) => [value(row, index, number), row]);
        rows.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (state.down ? -1 : 1));
        body.append(...rows.map(([, row]) => row));
      }
      let shown = 0;
      for (const row of body.rows) {
        const fits = wanted(row.dataset.act) && row.textContent.toLowerCase().includes(state.text);
        row.hidden = !fits;
        shown += fits;
      }
      chips.forEach((chip) => chip.setAttribute("aria-pressed", String(chip.dataset.act === state.act)));
      said.textContent = shown === body.rows.length ? "" : `${shown} of ${body.rows.length} shown`;
    }

    // The view stands in the address, so that it can be sent to somebody: report.html#act=defer&sort=-cost
    function read() {
      const asked = new URLSearchParams(location.hash.slice(1));
      if (!asked.has("act") && !asked.has("sort")) return;
      const sort = asked.get("sort") ?? "";
      state.act = chips.some((chip) => chip.dataset.act === asked.get("act")) ? asked.get("act") : "";
      state.down = sort.startsWith("-");
      state.sort = sort.replace(/^-/, "");
      show();
      document.getElementById("decisions").scrollIntoView();
    }
    function write() {
      const asked = new URLSearchParams();
      if (state.act) asked.set("act", state.act);
      if (state.sort) asked.set("sort", (state.down ? "-" : "") + state.sort);
      history.replaceState(null, "", "#" + (asked.toString() || "decisions"));
      show();
    }

    heads.forEach((head) => head.querySelector("button").addEventListener("click", () => {
      state.down = state.sort === name(head) && !state.down;
      state.sort = name(head);
      write();
    }));
    chips.forEach((chip) => chip.addEventListener("click", () => { state.act = chip.dataset.act; write(); }));
    search.addEventListener("input", () => { state.text = search.value.toLowerCase(); show(); });
    addEventListener("hashchange", () => {
      // A link to a row must not lead to a row that the filter hides.
      const row = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
      if (row && row.hidden) { state.act = ""; state.text = search.value = ""; show(); row.scrollIntoView({ block: "center" }); }
      read();
    });
    read();
  }

  function tips() {
    // The browser's own titles come late and never on a phone; ours replace them, so that there are not two.
    for (const title of document.querySelectorAll("svg[role=img] title")) {
      if (title.id) continue;
      title.parentNode.dataset.tip = title.textContent;
      title.remove();
    }
    for (const cell of document.querySelectorAll(".heat [title]")) {
      cell.dataset.tip = cell.title;
      cell.removeAttribute("title");
    }
    const tip = document.createElement("div");
    tip.id = "tip";
    tip.hidden = true;
    document.body.append(tip);
    const point = (event) => {
      const mark = event.target.closest?.("[data-tip]");
      tip.hidden = !mark;
      if (!mark) return;
      tip.textContent = mark.dataset.tip;
      const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
      const below = event.clientY + 18;
      const top = below + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 10 : below;
      tip.style.left = `${Math.max(8, left)}px`;
      tip.style.top = `${Math.max(8, top)}px`;
    };
    addEventListener("pointermove", point);
    addEventListener("pointerdown", point);
    addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
  }

  function save() {
    const button = document.getElementById("save");
    const story = document.getElementById("story");
    button.hidden = false;
    button.addEventListener("click", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([story.textContent], { type: "application/json" }));
      link.download = "report.json";
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }
})();
