"use strict";
/* What every page does: figures in the colours of the day or the night, tables that sort, texts that copy. */
const night = JSON.parse(document.getElementById("night").textContent);
const byNight = new RegExp(Object.keys(night).map(c => JSON.stringify(c).replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"), "g");
const dark = matchMedia("(prefers-color-scheme: dark)");
const NARROW = 480;

function drawPlot(plot) {
  if (!plot.clientWidth || !window.Plotly) return;
  const narrow = plot.clientWidth < NARROW, room = plot.clientWidth >= (plot.dataset.labels || NARROW);
  let text = plot.nextElementSibling.textContent;
  if (dark.matches) text = text.replace(byNight, found => JSON.stringify(night[JSON.parse(found)]));
  const figure = JSON.parse(text);
  if (!room) figure.layout.annotations = (figure.layout.annotations || []).filter(one => one.name !== "label");
  plot.parentNode.classList.toggle("unlabelled", !room);
  if (narrow && figure.layout.yaxis.ticktext) figure.layout.yaxis.ticktext = figure.layout.yaxis.ticktext.map(broken);
  if (narrow && figure.layout.xaxis.title.text.length > 34) figure.layout.xaxis.title.font = { size: 10 };
  if (narrow) Object.assign(figure.layout.margin, { l: Math.min(figure.layout.margin.l, 60), r: 12 });
  const first = !plot.classList.contains("js-plotly-plot");
  Plotly.react(plot, figure.data, figure.layout, { displayModeBar: false, responsive: true });
  plot.dataset.narrow = [narrow, room];
  if (!first) Plotly.Plots.resize(plot);
  if (narrow && figure.layout.xaxis.ticktext) Plotly.relayout(plot, { "xaxis.tickfont.size": 9 });
  if (first) plot.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
}

/* A long name on several lines. */
function broken(text) {
  const lines = [""];
  for (const word of text.split(" ")) {
    if (lines.at(-1) && lines.at(-1).length + word.length > 21) lines.push("");
    lines.push(`${lines.pop()} ${word}`.trim());
  }
  return lines.length > 3 ? `${lines.slice(0, 3).join("<br>")} …` : lines.join("<br>");
}

function drawAll() {
  document.querySelectorAll(".plot").forEach(drawPlot);
}

function sortBy(button) {
  const head = button.closest("th"), table = head.closest("table"), body = table.tBodies[0];
  const column = [...head.parentNode.children].indexOf(head);
  const up = head.getAttribute("aria-sort") === "descending";
  const known = row => {
    const text = row.cells[column].textContent.trim(), number = parseFloat(text.replace(/,/g, ""));
    return text === "" ? null : Number.isNaN(number) ? text : number;
  };
  const rows = [...body.rows].map(row => [known(row), row]);
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
    return up ? order : -order;
  });
  table.querySelectorAll("th").forEach(th => th.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  body.append(...rows.map(([, row]) => row));
}

async function copyText(button) {
  const text = document.getElementById(button.dataset.copies).textContent, said = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.textContent = "copied";
  setTimeout(() => { button.textContent = said; }, 1200);
}

function showTab(button) {
  const tabs = button.closest(".tabs");
  for (const other of tabs.querySelectorAll("button")) {
    other.setAttribute("aria-selected", other === button);
    other.tabIndex = other === button ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = other !== button;
  }
  document.getElementById(button.getAttribute("aria-controls")).querySelectorAll(".plot").forEach(drawPlot);
  document.dispatchEvent(new CustomEvent("tab"));
}

document.addEventListener("click", event => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.closest("th")) sortBy(button);
  else if (button.dataset.copies) copyText(button);
  else if (button.getAttribute("role") === "tab") showTab(button);
});
document.addEventListener("keydown", event => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step || event.target.getAttribute("role") !== "tab") return;
  const all = [...event.target.closest(".tabs").querySelectorAll("button")];
  const next = all[(all.indexOf(event.target) + step + all.length) % all.length];
  next.focus();
  showTab(next);
});
dark.addEventListener("change", drawAll);
let resized;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => document.querySelectorAll(".plot").forEach(plot => {
    const room = plot.clientWidth >= (plot.dataset.labels || NARROW);
    if (plot.dataset.narrow !== String([plot.clientWidth < NARROW, room])) drawPlot(plot);
  }), 150);
});
addEventListener("DOMContentLoaded", drawAll);
