"use strict";
{
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const status = document.getElementById("status");
  const filter = document.getElementById("filter");
  // The line that stays selected when the pointer leaves.
  let kept = null;

  // The operators that a line is from; those of a line of a source are many.
  const operators = (line) => {
    if (line.dataset.p) return [line.dataset.p];
    const same = all(`span[data-s="${line.dataset.s}"][data-p]`, line.parentElement);
    return [...new Set(same.map((span) => span.dataset.p))];
  };

  const clear = () => {
    for (const line of all(".on, .at")) line.classList.remove("on", "at");
    status.textContent = "";
  };

  const select = (line, follow) => {
    clear();
    const section = line.closest("section");
    const marked = all(operators(line).map((operator) => `[data-p="${operator}"]`).join(), section);
    for (const other of marked) other.classList.add("on");
    line.classList.add("at");
    const counts = all("[data-c]:not([hidden])", section).map((column) => {
      const lines = all(".on", column);
      const pre = column.querySelector("pre");
      if (follow && lines.length > 0 && !pre.contains(line)) {
        pre.scrollTop += lines[0].getBoundingClientRect().top - pre.getBoundingClientRect().top - pre.clientHeight / 3;
      }
      return `${column.querySelector("h3").textContent}: ${lines.length}`;
    });
    status.textContent = `Lines of the same operators: ${counts.join(", ")}`;
  };

  const lineOf = (event) => event.target.closest("pre [data-p], pre em");
  const keep = (line) => {
    kept = line;
    if (line) select(line, true);
    else clear();
  };

  document.addEventListener("pointerover", (event) => {
    const line = lineOf(event);
    if (event.pointerType !== "touch" && !kept && line) select(line, false);
  });
  document.addEventListener("pointerout", (event) => {
    if (!kept && lineOf(event)) clear();
  });
  document.addEventListener("click", (event) => {
    const line = lineOf(event);
    if (line) keep(line === kept ? null : line);
  });

  // Which line the keys lead to, of a column.
  const steps = {
    ArrowDown: (at, end) => Math.min(at + 1, end),
    ArrowUp: (at) => Math.max(at - 1, 0),
    Home: () => 0,
    End: (_, end) => end,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const pre = event.target.closest("pre");
    if (pre && Object.hasOwn(steps, event.key)) {
      const lines = all("[data-p], em", pre);
      if (lines.length === 0) return;
      event.preventDefault();
      const line = lines[steps[event.key](lines.findIndex((line) => line.classList.contains("at") || line === kept), lines.length - 1)];
      keep(line);
      line.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Escape") {
      keep(null);
    } else if (event.key === "/" && event.target !== filter) {
      event.preventDefault();
      filter.focus();
    }
  });

  for (const box of all("input[data-c]")) {
    box.addEventListener("change", () => {
      for (const column of all(`div[data-c="${box.dataset.c}"]`)) column.hidden = !box.checked;
    });
  }

  const entries = all("nav li");
  filter.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase();
    for (const entry of entries) entry.hidden = !entry.textContent.toLowerCase().includes(wanted);
  });
  filter.addEventListener("keydown", (event) => {
    const first = entries.find((entry) => !entry.hidden);
    if (event.key === "Enter" && first) location.hash = first.firstElementChild.hash;
  });

  const entered = () => {
    keep(null);
    const shown = document.querySelector("section:target") ?? document.querySelector("section");
    for (const link of all("nav a")) {
      if (shown && link.hash === `#${shown.id}`) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  addEventListener("hashchange", entered);
  entered();
}
