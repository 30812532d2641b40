// The scatter plots: points coloured by the quantity that is chosen; the one pointed at is ringed in all of them.
{
  const clouds = document.getElementById("clouds");
  const STEPS = 16, PADDING = 16, RADIUS = 4, KINDS = 6;
  const start = () => {
    const chooser = document.getElementById("quantity"), scale = document.getElementById("scale");
    const quantities = explained.quantities.map(unpack);
    const mixed = share => `color-mix(in oklab, var(--scale-high) ${Math.round(100 * share)}%, var(--scale-low))`;

    // Colour of each point, and the words of the scale. Few different values are kinds, each with its own colour.
    const colouring = values => {
      const known = [...values].filter(Number.isFinite).sort((a, b) => a - b);
      const kinds = [...new Set(known.map(value => Number(value.toPrecision(4))))];
      if (kinds.length <= KINDS && kinds.every(Number.isInteger)) {
        const of = value => Number.isFinite(value) ? `var(--series-${kinds.indexOf(Number(value.toPrecision(4)))})` : null;
        return { of, kinds: kinds.map((kind, i) => [`var(--series-${i})`, kind, known.filter(value => Number(value.toPrecision(4)) === kind).length]) };
      }
      const at = share => known[Math.round(share * (known.length - 1))];
      let [low, high] = [at(0.02), at(0.98)];
      if (!(high > low)) [low, high] = [known[0], known[known.length - 1]];
      const of = value => Number.isFinite(value)
        ? mixed(Math.round(clamp(high > low ? (value - low) / (high - low) : 0.5, 0, 1) * (STEPS - 1)) / (STEPS - 1)) : null;
      return { of, low, high, cut: low > known[0] || high < known[known.length - 1] };
    };

    const drawScale = (chosen, missing) => {
      const parts = [];
      const swatch = (colour, text) => {
        const made = document.createElement("span"), dot = document.createElement("i");
        dot.style.background = colour;
        if (colour === "none") dot.className = "without";
        made.append(dot, text);
        parts.push(made);
      };
      if (chosen.kinds) chosen.kinds.forEach(([colour, kind, count]) => swatch(colour, `${kind} (${grouped(count)})`));
      else {
        const bar = document.createElement("span"), write = written(Math.max(Math.abs(chosen.low), Math.abs(chosen.high)));
        const ramp = document.createElement("i");
        ramp.className = "ramp";
        bar.append(`${chosen.cut ? "\u2264 " : ""}${write(chosen.low)} `, ramp, ` ${chosen.cut ? "\u2265 " : ""}${write(chosen.high)}`);
        parts.push(bar);
      }
      if (missing) swatch("none", `no number (${grouped(missing)})`);
      scale.replaceChildren(...parts);
    };

    const pictures = [...clouds.querySelectorAll("svg.cloud")].map(svg => {
      const cloud = explained.clouds[svg.dataset.cloud], names = explained.names[cloud.names];
      const tip = svg.parentElement.querySelector(".tip");
      const xs = unpack(cloud.x), ys = unpack(cloud.y);
      const known = [...xs.keys()].filter(i => Number.isFinite(xs[i]) && Number.isFinite(ys[i])).sort((a, b) => xs[a] - xs[b]);
      const range = values => known.reduce(([a, b], i) => [Math.min(a, values[i]), Math.max(b, values[i])], [Infinity, -Infinity]);
      const [left, right] = range(xs), [bottom, top] = range(ys);
      let width = 0, height = 0, places = [], ring = null, at = -1;
      const layout = () => {
        width = svg.clientWidth;
        height = Math.round(Math.min(width * 0.8, 420));
        svg.style.height = `${height}px`;
        svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
        const fit = (value, low, high, size) => PADDING + (size - 2 * PADDING) * (high > low ? (value - low) / (high - low) : 0.5);
        places = known.map(i => [fit(xs[i], left, right, width), height - fit(ys[i], bottom, top, height)]);
      };
      const draw = () => {
        layout();
        const values = quantities[cloud.colours[chooser?.value]], groups = new Map();
        const chosen = values && [...values].some(Number.isFinite) ? colouring(values) : null;
        known.forEach((i, n) => {
          const colour = (chosen ? chosen.of(values[i]) : values ? null : "var(--series-0)") ?? "none";
          groups.set(colour, (groups.get(colour) ?? "") + `M${places[n][0].toFixed(1)} ${places[n][1].toFixed(1)}h0`);
        });
        const drawn = [element("rect", { x: 0.5, y: 0.5, width: width - 1, height: height - 1, class: "plane" })];
        for (const [colour, d] of [...groups].sort(([a], [b]) => (b === "none") - (a === "none"))) {
          drawn.push(element("path", { d, class: colour === "none" ? "points without" : "points", style: colour === "none" ? "" : `stroke: ${colour}` }));
        }
        ring = element("circle", { r: RADIUS + 3, class: "ring", visibility: "hidden" });
        svg.replaceChildren(...drawn, ring);
        if (svg.dataset.cloud === "0" && scale) {
          if (chosen) drawScale(chosen, known.filter(i => !Number.isFinite(values[i])).length);
          else scale.textContent = values ? "No sequence has a number of this kind." : "";
        }
      };
      const mark = i => {
        const n = known.indexOf(i);
        ring.setAttribute("visibility", n < 0 ? "hidden" : "visible");
        if (n >= 0) { ring.setAttribute("cx", places[n][0]); ring.setAttribute("cy", places[n][1]); }
      };
      const hide = () => { tip.hidden = true; at = -1; pictures.forEach(other => other.mark(-1)); };
      const point = n => {
        at = clamp(n, 0, known.length - 1);
        const i = known[at];
        pictures.forEach(other => other.mark(other.cloud.names === cloud.names ? i : -1));
        mark(i);
        const said = Object.entries(cloud.colours).sort(([a], [b]) => (b === chooser.value) - (a === chooser.value)).map(([name, number]) => {
          const value = quantities[number][i];
          return `${name}: ${Number.isFinite(value) ? String(Number(value.toPrecision(4))).replace("-", "\u2212") : "no number"}`;
        });
        showTip(tip, [names[i], ...said], ...places[at]);
      };
      svg.addEventListener("pointermove", event => {
        const box = svg.getBoundingClientRect(), [px, py] = [event.clientX - box.left, event.clientY - box.top];
        let best = 14, found = -1;
        places.forEach(([x, y], n) => { const far = Math.hypot(x - px, y - py); if (far < best) [best, found] = [far, n]; });
        if (found >= 0) point(found);
        else hide();
      });
      svg.addEventListener("pointerleave", hide);
      svg.addEventListener("blur", hide);
      svg.addEventListener("keydown", event => {
        const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9 };
        if (event.key === "Escape") hide();
        if (!(event.key in steps) || !known.length) return;
        point(at < 0 ? 0 : at + steps[event.key]);
        event.preventDefault();
      });
      return { cloud, draw, mark, svg, width: () => width };
    });
    clouds.hidden = false;
    const drawAll = () => pictures.forEach(picture => picture.draw());
    drawAll();
    chooser?.addEventListener("change", drawAll);
    new ResizeObserver(() => { if (pictures.some(picture => picture.svg.clientWidth && picture.svg.clientWidth !== picture.width())) drawAll(); }).observe(clouds);
  };
  if (clouds) start();
}
