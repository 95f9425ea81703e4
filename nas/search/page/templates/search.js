/* The page of a search: the best network for at most a cost, and what is known of the one pointed at. */
let known, run, held;

function readRun() {
  const content = JSON.parse(document.getElementById("run").textContent);
  run = content;
  known = new Map(content.networks.map(one => [one[0], one]));
}
const archOf = one => one[1].map(part => run.parts[part]).join("-");
const percent = (share, places = 1) => (100 * share).toFixed(places) + " %";

function blocksOf(text) {
  const blocks = [];
  for (const part of text.split("-")) {
    const found = /^(?:(\d+)x)?([a-z]+)(\d+)(.*)$/.exec(part);
    if (!found || !(found[2] in run.kernels)) continue;
    const options = found[4].split("_"), kernel = options.find(one => /^k\d+$/.test(one));
    const block = {
      token: found[2], out: +found[3], kernel: kernel ? +kernel.slice(1) : run.kernels[found[2]],
      gate: options.includes("se"), strided: options.includes("s2"), groups: options.find(one => /^g\d+$/.test(one)) || "",
    };
    for (let i = 0; i < +(found[1] || 1); i++) blocks.push(i ? { ...block, strided: false } : block);
  }
  return blocks;
}

function drawing(text) {
  const blocks = blocksOf(text), step = Math.max(16, Math.min(40, 900 / Math.max(blocks.length, 1)));
  const widest = Math.max(...blocks.map(one => one.out), 1);
  const half = channels => 4 + 24 * Math.sqrt(channels / widest);
  let before = +(/^stem(\d+)/.exec(text) || [0, 16])[1];
  const drawn = blocks.map((one, i) => {
    const x = 4 + i * step, a = half(before), b = half(one.out), end = x + step - 3, middle = (x + end) / 2;
    before = one.out;
    const color = run.colors[one.token] || "#7f7f7f";
    const line = one.strided ? `<path d="M${x - 1.5} 4 V66" stroke="currentColor" stroke-dasharray="2 3" opacity=".6"/>` : "";
    const gate = one.gate ? `<circle cx="${middle}" cy="${Math.max(6, 35 - Math.max(a, b) - 5)}" r="3" fill="currentColor"/>` : "";
    return `${line}<path d="M${x} ${35 - a} L${end} ${35 - b} V${35 + b} L${x} ${35 + a} Z" fill="${color}"/>${gate}` +
      (one.kernel ? `<text x="${middle}" y="39" font-size="12" font-weight="bold" fill="white" text-anchor="middle">${one.kernel}</text>` : "") +
      `<text x="${middle}" y="76" font-size="9" fill="currentColor" text-anchor="middle">${one.token}</text>` +
      `<text x="${middle}" y="87" font-size="9" fill="currentColor" text-anchor="middle">${one.groups}</text>`;
  });
  const wide = 8 + blocks.length * step;
  return `<svg viewBox="0 0 ${wide} 92" preserveAspectRatio="xMinYMid meet" role="img" aria-label="the network's ${blocks.length} blocks">${drawn.join("")}</svg>`;
}

function choose(key, keep) {
  const one = known.get(key);
  if (!one) return;
  if (keep) held = key;
  const [, , accuracy, low, high, costs, more] = one;
  const spread = low === null ? "" : ` (95 %: ${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;
  const told = run.costs.map((cost, i) => costs[i] === null ? "" : `${costs[i]} ${cost.unit} ${cost.phrase}`);
  document.getElementById("chosen-name").textContent = key;
  document.getElementById("chosen-told").textContent =
    [`validation ${run.metric} ${percent(accuracy)}${spread}`, ...told, more].filter(Boolean).join(", ");
  const text = archOf(one);
  document.getElementById("chosen-drawn").innerHTML = drawing(text);
  document.getElementById("chosen-arch").textContent = text;
}

function best(rows, most) {
  return rows.filter(one => one.cost <= most).sort((a, b) => b.accuracy - a.accuracy || a.cost - b.cost)[0];
}

function slide() {
  const input = document.getElementById("most");
  if (!input || !run.slider) return;
  const axis = run.slider, value = axis.low * (axis.high / axis.low) ** (input.value / 1000);
  const found = best(run.front, value), designed = best(run.designed, value), top = best(run.front, Infinity);
  const show = cost => `${cost >= 100 ? cost.toFixed(0) : cost.toPrecision(3)} ${axis.unit}`;
  const reached = one => percent(one.accuracy) + (one.low === null ? "" : ` (95 %: ${(100 * one.low).toFixed(1)} to ${(100 * one.high).toFixed(1)})`);
  const points = (a, b) => `${(100 * Math.abs(a - b)).toFixed(1)} points`;
  let said = `At most ${show(value)} ${axis.phrase}: `;
  if (!found) said += "no network of the front costs so little.";
  else {
    said += `take ${found.key}, ${reached(found)} at ${show(found.cost)}${found.undecided ? ", its place not decided" : ""}`;
    said += found.key === top.key ? "; it is the most accurate of the front." :
      `; it gives up ${points(top.accuracy, found.accuracy)} to ${top.key}, ${reached(top)}, and costs ${(found.cost / top.cost).toFixed(2)} of it.`;
  }
  if (designed && found) {
    const gain = found.accuracy - designed.accuracy;
    const tested = run.verdicts[`${found.key}|${designed.key}`];
    said += ` The best hand-designed one there is ${designed.key}: ${reached(designed)} at ${show(designed.cost)}, ${points(gain, 0)} ${gain >= 0 ? "less" : "more"} (${tested ? `the found one is ${tested}` : "not tested"}).`;
  } else if (designed) said += ` The best hand-designed one there is ${designed.key}: ${percent(designed.accuracy)}.`;
  const output = document.getElementById("most-told");
  if (output.textContent !== said) output.textContent = said;
  input.setAttribute("aria-valuetext", `${show(value)} ${axis.phrase}`);
  if (found) choose(found.key, true);
  else for (const part of ["name", "told", "drawn", "arch"]) document.getElementById(`chosen-${part}`).textContent = "";
  markLine(value);
}

function markLine(value) {
  const plot = document.querySelector(`#${run.slider.plot}`), full = plot && plot._fullLayout;
  if (!full || !full.xaxis) return;
  let line = plot.querySelector(".line");
  if (!line) { line = document.createElement("div"); line.className = "line"; plot.append(line); }
  const x = full.xaxis.l2p(Math.log10(value));
  line.hidden = x < 0 || x > full.xaxis._length;
  line.style.left = `${full.xaxis._offset + x}px`;
  line.style.top = `${full.yaxis._offset}px`;
  line.style.height = `${full.yaxis._length}px`;
}

function follow(plot) {
  const pointed = event => event.points[0] && event.points[0].customdata;
  plot.on("plotly_hover", event => choose(pointed(event)));
  plot.on("plotly_unhover", () => held && choose(held));
  plot.on("plotly_click", event => choose(pointed(event), true));
  plot.on("plotly_afterplot", () => plot.id === run.slider?.plot && slide());
}

function startSearch() {
  readRun();
  document.querySelectorAll("[data-choose]").forEach(button => button.addEventListener("click", () => choose(button.dataset.choose, true)));
  const input = document.getElementById("most");
  if (input) input.addEventListener("input", slide);
  slide();
}

/* While it is served live: what has changed comes in, and what the reader chose stays. */
let busy = false;
async function refresh() {
  if (busy) return;
  busy = true;
  try { await bringIn(); } finally { busy = false; }
}

async function bringIn() {
  const main = document.getElementById("main");
  let found;
  try {
    const answer = await fetch(`${main.dataset.live}?seen=${main.dataset.seen || ""}`);
    found = await answer.json();
    document.body.classList.remove("lost");
    document.getElementById("status").textContent = "";
  } catch {
    document.body.classList.add("lost");
    document.getElementById("status").textContent = "The server is gone: this is what was last seen.";
    return;
  }
  if (found.body === null) return;
  const most = document.getElementById("most"), share = most && most.value, kept = held;
  const tab = document.querySelector('.tabs [aria-selected="true"]'), focus = document.activeElement && document.activeElement.id;
  const opened = [...main.querySelectorAll("details")].map(one => one.open);
  const sorted = [...main.querySelectorAll("table")].map(table => {
    const heads = [...table.querySelectorAll("th")], at = heads.findIndex(th => th.ariaSort);
    return at < 0 ? null : [at, heads[at].ariaSort];
  });
  main.querySelectorAll(".plot").forEach(plot => Plotly.purge(plot));
  main.innerHTML = found.body;
  main.dataset.seen = found.seen;
  startSearch();
  if (document.getElementById("most") && share) document.getElementById("most").value = share;
  drawAll();
  main.querySelectorAll("details").forEach((one, at) => { one.open = opened[at] || false; });
  main.querySelectorAll("table").forEach((table, at) => {
    const [column, order] = sorted[at] || [], button = column >= 0 && table.querySelectorAll("th")[column]?.querySelector("button");
    if (button) { sortBy(button); if (order === "ascending") sortBy(button); }
  });
  const again = tab && document.getElementById(tab.id);
  if (again) showTab(again);
  if (focus && document.getElementById(focus)) document.getElementById(focus).focus();
  slide();
  if (kept && kept !== held && known.has(kept)) choose(kept, true);
}

document.addEventListener("drawn", event => follow(event.target));
document.addEventListener("tab", () => run.slider && slide());
startSearch();
if (document.getElementById("main").dataset.live) setInterval(refresh, 2000);
