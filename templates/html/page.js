// SPDX-License-Identifier: Apache-2.0
// What is drawn on the page of a comparison: front, layers, block diagram, paths, activations. Plain functions over the page's data.
"use strict";
(() => {
  const { metrics, designs } = JSON.parse(document.getElementById("data").textContent);
  const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#a88f00", "#7a7a7a"]; // Okabe and Ito's, told apart by all
  const colour = (index) => COLOURS[index % COLOURS.length];
  const title = Object.fromEntries(metrics.map((metric) => [metric.key, metric.title]));
  const percent = new Set(metrics.filter((metric) => metric.percent).map((metric) => metric.key));
  const by = (id) => document.getElementById(id);
  const safe = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;"); // plotly reads tags in texts
  const many = (value) => value.toLocaleString("en-US");
  const narrow = () => window.innerWidth < 740;

  // ---- small pieces of page

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  function drawn(name, attributes, text = "") {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  }

  // A labelled choice among [value, text] pairs; `changed` is called with the new value.
  function choice(label, options, chosen, changed) {
    const select = element("select", { "aria-label": label, onchange: () => changed(select.value) });
    for (const [value, text] of options) select.append(element("option", value === chosen ? { value, selected: "" } : { value }, text));
    return element("label", {}, label, select);
  }

  function pressed(text, on, changed) {
    const button = element("button", { type: "button", "aria-pressed": String(on), onclick: () => {
      const now = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(now));
      changed(now);
    } }, text);
    return button;
  }

  const numbered = () => designs.map((design, index) => [String(index), design.name]);

  // ---- plots

  function layout(more) {
    const style = getComputedStyle(document.documentElement);
    const [ink, soft, line] = ["--ink", "--soft", "--line"].map((name) => style.getPropertyValue(name).trim());
    const axis = { gridcolor: line, title: { font: { size: 13 } }, zerolinecolor: line, linecolor: line, automargin: true };
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: "system-ui, DejaVu Sans, sans-serif", size: 13, color: ink },
      margin: { l: 64, r: 20, t: 26, b: 62 }, hoverlabel: { align: "left" }, legend: { orientation: "h", y: 1.02, yanchor: "bottom", font: { color: soft } },
      ...more, xaxis: named(axis, more.xaxis), yaxis: named(axis, more.yaxis),
    };
  }

  const named = (axis, more = {}) => ({ ...axis, ...more, title: { ...axis.title, ...more.title } });

  function plot(id, traces, more) {
    const config = { responsive: true, displaylogo: false, displayModeBar: false };
    return window.Plotly.react(by(id), traces, layout({ autosize: true, ...more }), config).then(() => window.Plotly.Plots.resize(by(id)));
  }

  // ---- front

  const front = { x: "lut", y: "accuracy", methods: new Set(designs.map((design) => design.method)), worst: 0 };

  const scaled = (key, value) => (percent.has(key) ? 100 * value : value);
  const shownOnFront = () => designs.map((design, index) => [design, index]).filter(([design]) =>
    front.x in design.figures && front.y in design.figures && front.methods.has(design.method) && !(design.figures.accuracy < front.worst));

  function hover(design) {
    const lines = metrics.filter(({ key }) => key in design.texts).map(({ key }) => `${title[key]}: <b>${design.texts[key]}</b> (${safe(design.sources[key])})`);
    return `<b>${safe(design.name)}</b><br>${lines.join("<br>")}`;
  }

  // Points that no other beats in both; accuracy is better when larger, all else when smaller.
  function unbeaten(points) {
    const cost = (key, value) => (percent.has(key) || key === "fmax_mhz" || key === "inferences_per_s" ? -value : value);
    const costs = points.map(([x, y]) => [cost(front.x, x), cost(front.y, y)]);
    const beaten = costs.map(([x, y]) => costs.some(([a, b]) => a <= x && b <= y && (a < x || b < y)));
    return points.filter((_, index) => !beaten[index]).sort((one, other) => one[0] - other[0]);
  }

  function drawFront() {
    const points = shownOnFront();
    const times = points.map(([design]) => design.figures.interval_ns ?? design.figures.interval ?? 1);
    const slowest = Math.max(1, ...times);
    const line = unbeaten(points.map(([design]) => [scaled(front.x, design.figures[front.x]), scaled(front.y, design.figures[front.y])]));
    const axis = (key) => ({ title: { text: title[key] + (percent.has(key) ? ", %" : "") }, tickformat: percent.has(key) ? ".2~f" : ",~r" });
    const traces = [{ x: line.map(([x]) => x), y: line.map(([, y]) => y), mode: "lines", line: { dash: "dot", color: "#888", width: 1.5 }, hoverinfo: "skip", showlegend: false }];
    points.forEach(([design, index], place) => traces.push({
      x: [scaled(front.x, design.figures[front.x])], y: [scaled(front.y, design.figures[front.y])], mode: "markers+text", name: safe(design.name),
      text: [safe(design.name)], textposition: "top center", cliponaxis: false, showlegend: false, hovertemplate: `${hover(design)}<extra></extra>`,
      marker: { color: colour(index), size: 11 + 15 * Math.sqrt(times[place] / slowest), opacity: 0.85, line: { width: 1, color: "#fff" } },
    }));
    const room = (values) => {
      const [low, high] = [Math.min(...values), Math.max(...values)];
      const pad = (high - low || Math.abs(high) || 1) * 0.22;
      return [low - pad, high + pad];
    };
    const range = (key) => (points.length ? room(points.map(([design]) => scaled(key, design.figures[key]))) : undefined);
    const none = points.length ? [] : [{ text: "no design has these figures", showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 }];
    plot("front-plot", traces, { height: narrow() ? 340 : 430, annotations: none, xaxis: { ...axis(front.x), range: range(front.x) }, yaxis: { ...axis(front.y), range: range(front.y) } });
  }

  function startFront() {
    const keys = metrics.filter(({ key }) => designs.filter((design) => key in design.figures).length >= 1).map(({ key, title: text }) => [key, text]);
    for (const axis of ["x", "y"]) if (!keys.some(([key]) => key === front[axis]) && keys.length) front[axis] = (keys.find(([key]) => key !== front.x) ?? keys[0])[0];
    const controls = by("front-controls");
    controls.append(
      choice("across", keys, front.x, (key) => { front.x = key; drawFront(); }),
      choice("up", keys, front.y, (key) => { front.y = key; drawFront(); }));
    const names = [...front.methods];
    if (names.length > 1) for (const name of names) controls.append(pressed(name, true, (on) => { front.methods[on ? "add" : "delete"](name); drawFront(); }));
    const accuracies = designs.map((design) => design.figures.accuracy).filter((value) => value !== undefined);
    if (accuracies.length > 1) {
      const [low, high] = [Math.min(...accuracies), Math.max(...accuracies)];
      const said = element("output", {}, "all");
      const range = element("input", { type: "range", min: low, max: high, step: (high - low) / 100 || 1, value: low, "aria-label": "least accuracy", oninput: () => {
        front.worst = Number(range.value) <= low ? 0 : Number(range.value) - 1e-12;
        said.textContent = front.worst ? `${(100 * front.worst).toFixed(2)} %` : "all";
        drawFront();
      } });
      controls.append(element("label", {}, "accuracy from", range, said));
    }
  }

  // ---- layers

  const COUNTS = [["lut", "LUT"], ["ff", "FF"], ["bram18", "BRAM18"], ["dsp", "DSP"], ["uram", "URAM"], ["bits", "table and weight bits"], ["busy", "cycles"]];
  const WORDS = {
    busy: "Cycles in which a layer works on one inference. Layers work at the same time: the longest bar sets the interval between inferences.",
    bits: "Bits of tables, thresholds and weights that a layer stores.",
  };
  let counted = "lut";

  function drawLayers() {
    by("layers-words").textContent = WORDS[counted] ?? "Resources of each layer, mapped apart; a design as a whole may take a little less. Hover or tap for a layer.";
    const names = [...new Set(designs.flatMap((design) => design.layers.map((layer) => layer.name)))];
    return counted === "busy" ? drawBusy(names) : drawStacked(names);
  }

  const told = (layer) => [layer.kind, layer.shape, layer.fold].filter(Boolean).map(safe).join("<br>");

  // A hue for each linear layer; what follows it has a lighter one.
  function tonesOf(names) {
    const linear = new Set(designs.flatMap((design) => design.layers.filter((layer) => layer.linear).map((layer) => layer.name)));
    let hue = 138, light = 62;
    return names.map((name) => {
      if (linear.has(name)) [hue, light] = [hue + 67, 48];
      else light = Math.min(light + 14, 84);
      return `hsl(${hue % 360}, 45%, ${light}%)`;
    });
  }

  function drawStacked(names) {
    const tones = tonesOf(names);
    const traces = names.map((name, index) => {
      const layers = designs.map((design) => design.layers.find((layer) => layer.name === name));
      return {
        type: "bar", orientation: "h", name: safe(name), y: designs.map((design) => safe(design.name)), x: layers.map((layer) => layer?.[counted] ?? 0),
        text: layers.map(() => safe(name)), textposition: "inside", insidetextanchor: "middle", textangle: 0, marker: { color: tones[index], line: { width: 0.5, color: "#fff" } },
        customdata: layers.map((layer) => (layer ? `${told(layer)}<br>${safe(layer.source ?? "counted")}` : "")),
        hovertemplate: `<b>${safe(name)}</b>: %{x:,}<br>%{customdata}<extra>%{y}</extra>`,
      };
    }).filter((trace) => trace.x.some(Boolean));
    const none = traces.length ? [] : [{ text: "none in any layer", showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 }];
    plot("layers-plot", traces, { barmode: "stack", showlegend: false, height: 110 + 58 * designs.length, uniformtext: { mode: "hide", minsize: 9 }, annotations: none,
      yaxis: { autorange: "reversed" }, xaxis: { title: { text: COUNTS.find(([key]) => key === counted)[1] }, tickformat: ",~r" } });
  }

  function drawBusy(names) {
    const traces = designs.map((design, index) => {
      const layers = names.map((name) => design.layers.find((layer) => layer.name === name));
      return {
        type: "bar", name: safe(design.name), x: names.map(safe), y: layers.map((layer) => layer?.busy ?? null), marker: { color: colour(index) },
        customdata: layers.map((layer) => (layer ? told(layer) : "")), hovertemplate: `<b>%{x}</b>: %{y:,} cycles<br>%{customdata}<extra>${safe(design.name)}</extra>`,
      };
    });
    plot("layers-plot", traces, { barmode: "group", height: 400, showlegend: designs.length > 1, xaxis: { tickangle: -40 }, yaxis: { title: { text: "cycles" }, tickformat: ",~r" } });
  }

  function startLayers() {
    const having = COUNTS.filter(([key]) => designs.some((design) => design.layers.some((layer) => layer[key])));
    if (!having.length) return by("layers-words").replaceChildren("No report has figures of single layers.");
    if (!having.some(([key]) => key === counted)) counted = having[0][0];
    by("layers-controls").append(choice("show", having, counted, (key) => { counted = key; drawLayers(); }));
  }

  // ---- block diagram

  const WIDTH = 198, HEIGHT = 92, GAP = 30;
  let pictured = 0;

  function drawDesign() {
    const design = designs[pictured], layers = design.layers;
    if (!layers.length) return by("design-plot").replaceChildren("This report lists no layers.");
    const columns = Math.max(1, Math.min(layers.length, Math.floor((by("design-plot").clientWidth || 1000) / (WIDTH + GAP))));
    const place = new Map(layers.map((layer, index) => {
      const row = Math.floor(index / columns), step = index % columns;
      return [layer.name, { index, x: (row % 2 ? columns - 1 - step : step) * (WIDTH + GAP) + GAP / 2, y: row * (HEIGHT + GAP) + 14 }];
    }));
    const rows = Math.ceil(layers.length / columns);
    const [wide, high] = [columns * (WIDTH + GAP), rows * (HEIGHT + GAP) + 4];
    const svg = drawn("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": `Layers of ${design.name}`, style: `max-width:${wide}px; --design:${colour(pictured)}` });
    const marker = drawn("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" });
    marker.append(drawn("path", { d: "M0 0 8 4 0 8z", class: "arrow" }));
    svg.append(marker);
    const edges = design.edges.length ? design.edges : layers.slice(1).map((layer, index) => [layers[index].name, layer.name]);
    for (const [from, to] of edges) if (place.has(from) && place.has(to)) svg.append(drawn("path", { d: way(place.get(from), place.get(to)), class: "edge", "marker-end": "url(#arrow)" }));
    const total = layers.reduce((sum, layer) => sum + (layer.lut ?? 0), 0);
    for (const layer of layers) svg.append(...block(layer, place.get(layer.name), total));
    by("design-plot").replaceChildren(svg);
  }

  // From one block to another: straight to a neighbour; a branch runs in the gaps between rows and columns.
  function way(from, to) {
    const [a, b] = [from, to].map(({ x, y }) => [x + WIDTH / 2, y + HEIGHT / 2]);
    if (to.index !== from.index + 1) {
      const [start, end, half] = [a[0] + 22, b[0] - 22, GAP / 2];
      if (from.y === to.y) return `M${start} ${from.y} V${from.y - half + 9} H${end} V${to.y}`;
      const low = from.y + HEIGHT + half - 3, gap = to.x - half;
      return `M${start} ${from.y + HEIGHT} V${low} ${to.y - low > HEIGHT ? `H${gap} V${to.y - half + 3}` : ""} H${end} V${to.y}`;
    }
    if (from.y !== to.y) return `M${a[0]} ${from.y + HEIGHT} L${b[0]} ${to.y}`;
    return from.x < to.x ? `M${from.x + WIDTH} ${a[1]} L${to.x} ${b[1]}` : `M${from.x} ${a[1]} L${to.x + WIDTH} ${b[1]}`;
  }

  function block(layer, { x, y }, total) {
    const short = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
    const takes = [["LUT", layer.lut], ["BRAM", layer.bram18], ["cycles", layer.busy]].filter(([, value]) => value).map(([name, value]) => `${many(value)} ${name}`);
    const lines = [[short(layer.name, 24), "font-weight:600"], [short([layer.kind, layer.shape].filter(Boolean).join(" · "), 30)], [short(layer.fold, 30)], [short(takes.join(" · "), 32)]];
    const box = drawn("rect", { x, y, width: WIDTH, height: HEIGHT, rx: 7, class: layer.linear ? "block linear" : "block" });
    box.append(drawn("title", {}, [layer.name, layer.kind, layer.shape, layer.fold, takes.join(", ")].filter(Boolean).join("\n")));
    const texts = lines.map(([text, style], index) => drawn("text", { x: x + 9, y: y + 19 + 17.5 * index, class: index ? "soft" : "", style: style ?? "" }, text));
    const share = total ? (WIDTH - 18) * ((layer.lut ?? 0) / total) : 0;
    return [box, ...texts, drawn("rect", { x: x + 9, y: y + HEIGHT - 11, width: Math.max(share, 0), height: 5, rx: 2, class: "share" })];
  }

  function startDesign() {
    const ranked = designs.findIndex((design) => design.layers.length);
    pictured = Math.max(ranked, 0);
    if (designs.length > 1) by("design-controls").append(choice("design", numbered(), String(pictured), (index) => { pictured = Number(index); drawDesign(); }));
  }

  // ---- slowest paths

  let timed = designs.findIndex((design) => design.paths.length);

  function drawTiming() {
    const design = designs[timed];
    const paths = design.paths.slice(0, 12);
    const names = paths.map((path, index) => `${index + 1}. ${safe(short(path.begins))} → ${safe(short(path.ends))}`);
    const part = (key, name, tone) => ({
      type: "bar", orientation: "h", name, y: names, x: paths.map((path) => path[key] / 1000), marker: { color: tone },
      customdata: paths.map((path) => `${safe(path.start)}<br>→ ${safe(path.end)}<br>${path.levels} levels of logic`), hovertemplate: `%{x:.2f} ns ${name}<br>%{customdata}<extra></extra>`,
    });
    const asked = design.clock ? [{ type: "line", x0: design.clock, x1: design.clock, y0: 0, y1: 1, yref: "paper", line: { dash: "dash", width: 1.5, color: "#d55e00" } }] : [];
    const said = design.clock ? [{ x: design.clock, y: 1, yref: "paper", yanchor: "bottom", text: `asked: ${design.clock} ns`, showarrow: false }] : [];
    plot("timing-plot", [part("logic", "logic", "#0072b2"), part("nets", "nets", "#9ac4e0")], { barmode: "stack", height: 120 + 30 * paths.length, shapes: asked, annotations: said,
      legend: { orientation: "h", y: -0.12, yanchor: "top" }, margin: { l: 60, r: 20, t: 34, b: 60 }, yaxis: { autorange: "reversed", tickfont: { size: narrow() ? 9 : 12 } }, xaxis: { title: { text: "ns" } } });

    function short(name) {
      const plain = name.replace(/_unit$/, "");
      return narrow() && plain.length > 14 ? `${plain.slice(0, 13)}…` : plain;
    }
  }

  function startTiming() {
    const having = numbered().filter(([index]) => designs[index].paths.length);
    if (having.length > 1) by("timing-controls").append(choice("paths of", having, String(timed), (index) => { timed = Number(index); drawTiming(); }));
  }

  // ---- codebooks and thresholds

  const inside = { design: designs.findIndex((design) => design.streams.length), layer: 0, channel: -1 };
  const streams = () => designs[inside.design].streams;

  function drawActivations() {
    const stream = streams()[inside.layer], before = stream.before, after = stream.after;
    const per = before?.channels?.[inside.channel] ? inside.channel : -1;
    const row = stream.thresholds && (stream.thresholds.length === 1 ? stream.thresholds[0] : inside.channel >= 0 ? stream.thresholds[inside.channel] : null);
    const scale = 2 ** stream.scale;
    const lines = (row ?? []).filter((value) => value <= stream.range[1]).map((value) => ({ type: "line", x0: (value - 0.5) * scale, x1: (value - 0.5) * scale, y0: 0, y1: 1, yref: "paper", line: { width: 1.2, color: "#d55e00" } }));
    const heights = before && (per >= 0 ? before.channels[per] : before.counts);
    const places = before?.counts.map((_, index) => (before.first + (index + 0.5) * before.width - 0.5) * scale);
    const bars = before ? [{ type: "bar", x: places, y: heights, width: before.width * scale, marker: { color: colour(inside.design) }, hovertemplate: "around %{x:.4g}: %{y:,}<extra></extra>" }] : [];
    plot("activations-before", bars, { height: 330, shapes: lines, bargap: 0, showlegend: false, margin: { l: 60, r: 15, t: 36, b: 60 },
      title: { text: `into ${safe(stream.name)}, out of ${safe(stream.source)}`, font: { size: 13 } }, xaxis: { title: { text: "value" } }, yaxis: { title: { text: "occurrences" } } });
    const unit = 2 ** -stream.fraction;
    const value = (code) => (stream.levels ? stream.levels[code] : code) * unit;
    const taken = after && (after.channels?.[per] ?? after.counts);
    const codes = after?.counts.map((_, index) => after.first + index * after.width) ?? [];
    const stems = after ? [{ type: "bar", x: codes.map(value), y: taken, marker: { color: colour(inside.design) }, width: stream.levels ? codes.map(() => spread(stream) * 0.55) : after.width * unit,
      customdata: codes, hovertemplate: "code %{customdata} is %{x:.5g}: %{y:,}<extra></extra>" }] : [];
    plot("activations-after", stems, { height: 330, showlegend: false, margin: { l: 60, r: 15, t: 36, b: 60 }, title: { text: `codes out of ${safe(stream.name)}`, font: { size: 13 } },
      xaxis: { title: { text: stream.levels ? "value of the symbol" : "value" } }, yaxis: { title: { text: "occurrences" } } });
    by("activations-words").textContent = words(stream, row);
  }

  // Smallest step between two symbols, in values.
  const spread = (stream) => Math.min(...stream.levels.slice(1).map((level, index) => level - stream.levels[index])) * 2 ** -stream.fraction;

  function words(stream, row) {
    const book = stream.levels ? `Codebook, in steps of 2^${-stream.fraction}: ${stream.levels.join(", ")}.` : `Codes ${stream.codes[0]} to ${stream.codes[1]}, in steps of 2^${-stream.fraction}.`;
    const kept = stream.thresholds ? (row ? ` Thresholds: ${row.join(", ")}.` : " Choose a channel to see its thresholds: batch-norm and bias are inside them, so they differ by channel.") : " A shift, no thresholds.";
    const { images } = designs[inside.design];
    return `${book}${kept}${images ? ` Histograms of ${images} test images.` : ""}`;
  }

  function startActivations() {
    const controls = by("activations-controls");
    controls.replaceChildren();
    const having = numbered().filter(([index]) => designs[index].streams.length);
    const restart = () => { startActivations(); drawActivations(); };
    if (having.length > 1) controls.append(choice("design", having, String(inside.design), (index) => { Object.assign(inside, { design: Number(index), layer: 0, channel: -1 }); restart(); }));
    controls.append(choice("layer", streams().map((stream, index) => [String(index), stream.name]), String(inside.layer), (index) => { Object.assign(inside, { layer: Number(index), channel: -1 }); restart(); }));
    const stream = streams()[inside.layer];
    const channels = Math.max(stream.before?.channels?.length ?? 0, stream.thresholds?.length ?? 0);
    const options = [["-1", "all"], ...Array.from({ length: channels }, (_, index) => [String(index), String(index)])];
    if (channels > 1) controls.append(choice("channel", options, String(inside.channel), (index) => { inside.channel = Number(index); drawActivations(); }));
  }

  // ---- the page as a whole

  function drawAll() {
    drawDesign();
    if (!window.Plotly) return;
    if (metrics.length) drawFront();
    if (by("layers-controls").childElementCount) drawLayers();
    if (timed >= 0) drawTiming();
    if (inside.design >= 0) drawActivations();
  }

  function setTheme(theme) {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    drawAll();
  }

  const dark = () => document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

  function startPage() {
    for (const section of document.querySelectorAll("section[data-title]")) by("nav").append(element("a", { href: `#${section.id}` }, section.dataset.title));
    by("tools").append(
      element("button", { type: "button", title: "dark or light", "aria-label": "dark or light", onclick: () => setTheme(dark() === "dark" ? "light" : "dark") }, "◐"),
      element("button", { type: "button", onclick: () => print() }, "Print"));
    for (const card of document.querySelectorAll(".card")) card.style.setProperty("--design", colour(Number(card.dataset.number)));
    let chosen;
    addEventListener("beforeprint", () => { chosen = document.documentElement.dataset.theme; setTheme("light"); });
    addEventListener("afterprint", () => setTheme(chosen));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
    let waiting;
    addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawAll, 150); });
  }

  // Plotly's script lies in the page compressed; browsers since 2023 unpack it.
  async function loadPlotly() {
    const packed = Uint8Array.from(atob(by("plotly").textContent), (letter) => letter.charCodeAt(0));
    const text = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
    document.head.append(element("script", {}, text));
  }

  async function start() {
    startPage();
    startFront();
    startLayers();
    startDesign();
    startTiming();
    if (inside.design >= 0) startActivations();
    drawDesign();
    try {
      await loadPlotly();
    } catch (error) {
      by("front-plot").textContent = "This browser is too old to draw; the tables are complete.";
      return;
    }
    drawAll();
    document.documentElement.dataset.ready = "yes";
  }

  start();
})();
