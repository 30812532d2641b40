// The map viewer: a strip of the whole sequence, and a part of it in which letters can be read.
{
  const OUTLINES = { // in a unit square, y downwards
    A: "M.37 0H.63L1 1H.75L.68.78H.32L.25 1H0zM.5.23L.38.6H.62z",
    C: "M.99.31C.93.11.76 0 .53 0C.2 0 0 .2 0 .5C0 .8.2 1 .53 1C.76 1 .93.89.99.69L.75.63C.71.75.64.81.53.81C.36.81.25.7.25.5C.25.3.36.19.53.19C.64.19.71.25.75.37z",
    G: "M.99.31C.93.11.76 0 .53 0C.2 0 0 .2 0 .5C0 .8.2 1 .53 1C.72 1 .88.93 1 .81V.45H.55V.62H.77V.73C.7.79.62.81.54.81C.36.81.25.7.25.5C.25.3.36.19.53.19C.64.19.71.25.75.37z",
    T: "M0 0H1V.2H.63V1H.37V.2H0z",
  };
  const LEFT = 58, RIGHT = 8, TOP = 10, PLOT = 170, LANE = 24, FOOT = 24, STRIP = 46;
  const LETTER = 6; // pixels from which on a letter is drawn as a letter
  const CLOSEST = 20; // positions
  const STRANDS = { "+": "given strand", "-": "other strand" };
  const place = id => document.getElementById(id);
  const viewer = place("viewer");
  const colour = site => site[2] >= 0 && site[2] < 7 ? `var(--series-${site[2]})` : "var(--muted)";
  const unpacked = new Map();
  const reading = number => {
    if (!unpacked.has(number)) {
      const map = explained.maps[number];
      const scores = unpack(map.scores), spread = map.spread ? unpack(map.spread) : null;
      let low = 0, high = 0;
      scores.forEach((score, i) => {
        const around = spread && spread[i] >= 0 ? spread[i] : 0;
        low = Math.min(low, score - around || 0);
        high = Math.max(high, score + around || 0);
      });
      if (high <= low) high = 1;
      unpacked.set(number, { scores, spread, low, high, write: written(Math.max(high, -low)) });
    }
    return unpacked.get(number);
  };
  const coordinate = (map, position) => (map.chrom ? map.start : 0) + position + 1; // counted from 1
  const named = (map, position) => map.chrom
    ? `${map.chrom}:${grouped(coordinate(map, position))} (counted from 1)`
    : `position ${grouped(position + 1)} of ${grouped(map.letters.length)} (counted from 1)`;

  const start = () => {
    const [svg, strip, tip, list, chooser] = ["map", "overview", "map-tip", "list", "sequence"].map(place);
    let current = 0, from = 0, to = 1, width = 0, cursor = null;
    const map = () => explained.maps[current];
    const length = () => map().letters.length;
    const across = () => Math.max(1, width - LEFT - RIGHT);
    const x = position => LEFT + across() * (position - from) / (to - from);
    const at = pixel => from + (pixel - LEFT) / across() * (to - from);

    // Lowest and highest of values in each pixel column, or at each position where there are fewer of them.
    const columns = (first, last, low, high, pixels) => {
      const count = Math.min(pixels, last - first), found = [];
      for (let i = 0; i < count; i++) {
        const begin = first + Math.floor(i * (last - first) / count), end = first + Math.floor((i + 1) * (last - first) / count);
        let [a, b] = [Infinity, -Infinity];
        for (let p = begin; p < end; p++) if (low(p) <= high(p)) [a, b] = [Math.min(a, low(p)), Math.max(b, high(p))];
        if (a <= b) found.push([begin, end, a, b]);
      }
      return found;
    };
    const bars = (first, last, across_, up, pixels) => {
      const { scores } = reading(current);
      return columns(first, last, p => Math.min(0, scores[p]), p => Math.max(0, scores[p]), pixels).map(([begin, end, a, b]) =>
        `M${across_(begin).toFixed(1)} ${up(b).toFixed(1)}H${Math.max(across_(end), across_(begin) + 0.8).toFixed(1)}V${up(a).toFixed(1)}H${across_(begin).toFixed(1)}z`).join("");
    };

    const drawStrip = () => {
      const { low, high } = reading(current), all = length();
      const whole = position => LEFT + across() * position / all;
      const up = value => 8 + (STRIP - 12) * (high - value) / (high - low);
      const drawn = [element("path", { d: bars(0, all, whole, up, Math.ceil(across())), class: "bars" })];
      for (const site of map().sites) {
        const wide = Math.max(2, whole(site[1]) - whole(site[0]));
        drawn.push(element("rect", { x: whole(site[0]), y: 1, width: wide, height: 4, style: `fill: ${colour(site)}` }));
      }
      drawn.push(element("rect", { x: whole(from), y: 0.75, width: Math.max(3, whole(to) - whole(from)), height: STRIP - 1.5, rx: 2, class: "window" }));
      strip.setAttribute("viewBox", `0 0 ${width} ${STRIP}`);
      strip.replaceChildren(...drawn);
    };

    const rows = () => { // of site names that do not run into each other
      const ends = [];
      return map().sites.filter(site => site[1] > from && site[0] < to).map(site => {
        const text = `${site[4]} ${site[3] === "-" ? "\u2190" : site[3] === "+" ? "\u2192" : ""}`.trim();
        const left = Math.max(LEFT, x(site[0])), right = Math.min(width - RIGHT, x(site[1]));
        const wide = text.length * 7.2;
        const middle = clamp((left + right) / 2, LEFT + wide / 2, width - RIGHT - wide / 2);
        const [begin, end] = [Math.min(left, middle - wide / 2), Math.max(right, middle + wide / 2)];
        let row = ends.findIndex(other => other < begin - 4);
        if (row < 0) row = ends.length < 3 ? ends.length : -1; // a fourth row gets no place: the tip names its site
        if (row >= 0) ends[row] = end;
        return { site, text, left, right, middle, row };
      });
    };

    const drawMap = () => {
      const { scores, spread, low, high, write } = reading(current);
      const letters = map().letters, first = Math.floor(from), last = Math.min(length(), Math.ceil(to));
      const step = across() / (to - from), readable = step >= LETTER;
      const up = value => TOP + PLOT * (high - value) / (high - low);
      const sites = rows(), lanes = Math.max(1, ...sites.map(site => site.row + 1));
      const bottom = TOP + PLOT + 8 + LANE * lanes, height = bottom + FOOT;
      const drawn = [];
      const ticks = roundStep((high - low) / 4);
      for (let tick = Math.ceil(low / ticks - 1e-9) * ticks; tick <= high + 1e-9 * ticks; tick += ticks) {
        drawn.push(element("path", { d: `M${LEFT} ${up(tick).toFixed(1)}H${width - RIGHT}`, class: Math.abs(tick) < ticks / 2 ? "zero" : "grid" }));
        const digits = clamp(-Math.floor(Math.log10(ticks)), 0, 20), plain = ticks >= 1e-4 && high - low < 1e5;
        const label = Math.abs(tick) < ticks / 2 ? "0" : plain ? tick.toFixed(digits) : tick.toExponential(0);
        drawn.push(element("text", { x: LEFT - 6, y: up(tick) + 4.5, "text-anchor": "end" }, label.replaceAll("-", "\u2212")));
      }
      const inside = element("g", { "clip-path": "url(#map-clip)" });
      for (const { site, left, right } of sites) {
        inside.append(element("rect", { x: left, y: TOP, width: Math.max(2, right - left), height: PLOT, class: "site", style: `fill: ${colour(site)}` }));
      }
      if (cursor !== null) inside.append(element("rect", { x: x(cursor), y: TOP, width: Math.max(1, step), height: PLOT, class: "cursor" }));
      if (spread) {
        const band = columns(first, last, p => scores[p] - spread[p], p => scores[p] + spread[p], Math.ceil(across()));
        inside.append(element("path", { class: "spread", d: band.map(([begin, end, a, b]) =>
          `M${x(begin).toFixed(1)} ${up(b).toFixed(1)}H${x(end).toFixed(1)}V${up(a).toFixed(1)}H${x(begin).toFixed(1)}z`).join("") }));
      }
      if (readable) {
        for (let p = first; p < last; p++) {
          const tall = Math.abs(up(scores[p]) - up(0));
          if (!(tall > 0.3) || !OUTLINES[letters[p]]) continue;
          const turned = scores[p] < 0;
          const to_ = `translate(${x(p).toFixed(2)} ${(up(scores[p])).toFixed(2)}) scale(${step.toFixed(3)} ${(turned ? -tall : tall).toFixed(2)})`;
          inside.append(element("path", { d: OUTLINES[letters[p]], transform: to_, class: `letter ${letters[p]}` }));
        }
      } else inside.append(element("path", { d: bars(first, last, x, up, Math.ceil(across())), class: "bars" }));
      const clip = element("clipPath", { id: "map-clip" });
      clip.append(element("rect", { x: LEFT, y: 0, width: across(), height }));
      drawn.push(clip, inside);
      for (const { site, text, left, right, middle, row } of sites) {
        if (row < 0) continue;
        const y = TOP + PLOT + 8 + LANE * row;
        drawn.push(element("path", { d: `M${left.toFixed(1)} ${y + 4}v-4H${Math.max(left + 2, right).toFixed(1)}v4`, class: "bracket", style: `stroke: ${colour(site)}` }));
        if (text.length * 7.2 < across()) drawn.push(element("text", { x: middle, y: y + 16, "text-anchor": "middle", class: "site-name" }, text));
      }
      const offset = coordinate(map(), 0), wide = 8 * grouped(offset + length()).length + 24;
      const every = Math.max(1, roundStep(wide / step));
      for (let shown = Math.ceil((offset + from) / every) * every; shown < offset + to; shown += every) {
        const middle = x(shown - offset + 0.5), half = 4 * grouped(shown).length;
        drawn.push(element("path", { d: `M${middle.toFixed(1)} ${bottom}v4`, class: "frame" }));
        if (middle - half > LEFT - 30 && middle + half < width) drawn.push(element("text", { x: middle, y: bottom + 18, "text-anchor": "middle" }, grouped(shown)));
      }
      drawn.push(element("path", { d: `M${LEFT} ${bottom}H${width - RIGHT}`, class: "frame" }));
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      svg.style.height = `${height}px`;
      svg.replaceChildren(...drawn);
      const range = `${map().chrom ? map().chrom + ":" : "positions "}${grouped(coordinate(map(), first))}\u2013${grouped(coordinate(map(), last - 1))}`;
      place("map-range").textContent = `${range} of ${grouped(length())} positions, counted from 1.${readable ? "" : " Zoom in to read the letters."}`;
    };

    const show = (left, wide) => {
      const size = clamp(wide, Math.min(CLOSEST, length()), length());
      from = clamp(left, 0, length() - size);
      to = from + size;
      drawStrip();
      drawMap();
    };
    const zoom = (factor, around = cursor ?? (from + to) / 2) => {
      const size = clamp((to - from) * factor, Math.min(CLOSEST, length()), length());
      show(around - (around - from) * size / (to - from), size);
    };
    const comfortable = () => Math.floor(across() / 11);
    const centre = (middle, wide = comfortable()) => show(middle - wide / 2, wide);
    const strongest = () => { // the window with the largest sum of sizes, around the middle of their weight
      const { scores } = reading(current), sizes = scores.map(score => Math.abs(score) || 0), wide = Math.min(length(), comfortable());
      let sum = 0, best = -1, found = 0;
      sizes.forEach((size, i) => {
        sum += size - (i >= wide ? sizes[i - wide] : 0);
        if (i >= wide - 1 && sum > best * (1 + 1e-9)) [best, found] = [sum, i + 1 - wide];
      });
      const inside = [...sizes.slice(found, found + wide)].map(size => size ** 2); // peaks count, not the noise around them
      const weight = inside.reduce((all, size) => all + size, 0);
      centre(weight > 0 ? found + 0.5 + inside.reduce((all, size, i) => all + size * i, 0) / weight : found + wide / 2);
    };
    const hide = () => { tip.hidden = true; if (cursor !== null) { cursor = null; drawMap(); } };
    const point = position => {
      cursor = clamp(position, 0, length() - 1);
      if (cursor < from) show(cursor, to - from);
      else if (cursor + 1 > to) show(cursor + 1 - (to - from), to - from);
      else drawMap();
      const { scores, spread, write } = reading(current);
      const score = write(scores[cursor], "+") + (spread && Number.isFinite(spread[cursor]) ? ` \u00b1 ${write(spread[cursor])} over shifts` : "");
      const sites = map().sites.filter(site => site[0] <= cursor && cursor < site[1])
        .map(site => `${site[5]}, ${STRANDS[site[3]] ?? "no strand"}`);
      showTip(tip, [`${map().letters[cursor]}  ${score}`, named(map(), cursor), ...sites], x(cursor + 0.5), STRIP - 8); // above the letters
    };
    const choose = number => {
      current = clamp(number, 0, explained.maps.length - 1);
      chooser.value = current;
      tip.hidden = true;
      cursor = null;
      const { output, label, sites } = map();
      const count = sites.length === 1 ? "1 motif site" : `${sites.length} motif sites`;
      place("map-facts").textContent = [output && `output ${output}`, label && `label ${label}`, count].filter(Boolean).join(" \u00b7 ");
      [from, to] = [0, length()];
      list.querySelectorAll("[aria-selected=true]").forEach(row => row.setAttribute("aria-selected", "false"));
      const row = list.children[current];
      if (row) {
        row.setAttribute("aria-selected", "true");
        list.setAttribute("aria-activedescendant", row.id);
        list.scrollTop = clamp(list.scrollTop, row.offsetTop + row.offsetHeight - list.clientHeight, row.offsetTop);
      }
      if (length()) strongest();
      else { svg.replaceChildren(); strip.replaceChildren(); place("map-range").textContent = "This sequence has no letters."; }
    };
    const nextSite = () => {
      const middles = map().sites.map(site => (site[0] + site[1]) / 2), now = (from + to) / 2;
      if (middles.length) centre(middles.find(middle => middle > now + 0.75) ?? middles[0], Math.min(to - from, comfortable()));
    };
    const actions = {
      previous: () => choose(current - 1), next: () => choose(current + 1),
      in: () => zoom(0.5), out: () => zoom(2), all: () => show(0, length()),
      left: () => show(from - (to - from) / 2, to - from), right: () => show(from + (to - from) / 2, to - from),
      strongest, site: nextSite,
    };
    for (const button of viewer.querySelectorAll("button[data-do]")) button.addEventListener("click", actions[button.dataset.do]);
    chooser.addEventListener("change", () => choose(Number(chooser.value)));

    const pixel = (event, picture) => event.clientX - picture.getBoundingClientRect().left;
    let held = null;
    svg.addEventListener("pointerdown", event => { held = { pixel: pixel(event, svg), from, moved: false }; });
    svg.addEventListener("pointermove", event => {
      const now = pixel(event, svg);
      if (held && Math.abs(now - held.pixel) > 4) {
        if (!held.moved) svg.setPointerCapture(event.pointerId);
        held.moved = true;
        tip.hidden = true;
        cursor = null;
        show(held.from - (now - held.pixel) / across() * (to - from), to - from);
      } else if (now >= LEFT && now < width - RIGHT) { if (Math.floor(at(now)) !== cursor || tip.hidden) point(Math.floor(at(now))); }
      else hide();
    });
    for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => { held = null; });
    svg.addEventListener("pointerleave", () => { if (!held) hide(); });
    svg.addEventListener("blur", hide);
    svg.addEventListener("wheel", event => {
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) show(from + event.deltaX / across() * (to - from), to - from);
      else if (event.ctrlKey || event.metaKey || document.activeElement === svg) zoom(1.0025 ** clamp(event.deltaY, -200, 200), at(pixel(event, svg)));
      else return; // the page scrolls
      event.preventDefault();
    }, { passive: false });
    svg.addEventListener("keydown", event => {
      const here = cursor ?? Math.floor((from + to) / 2), far = Math.max(1, Math.floor((to - from) / 2));
      const keys = {
        ArrowLeft: () => point(here - 1), ArrowRight: () => point(here + 1), PageUp: () => point(here - far), PageDown: () => point(here + far),
        Home: () => point(0), End: () => point(length() - 1), "+": actions.in, "=": actions.in, "-": actions.out, 0: actions.all, Escape: hide,
      };
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      keys[event.key]();
      event.preventDefault();
    });
    const steer = event => centre((pixel(event, strip) - LEFT) / across() * length(), to - from);
    strip.addEventListener("pointerdown", event => { strip.setPointerCapture(event.pointerId); steer(event); });
    strip.addEventListener("pointermove", event => { if (strip.hasPointerCapture(event.pointerId)) steer(event); });

    const fillList = () => { // one row for every sequence: sizes of its contributions, its sites
      explained.maps.forEach((one, number) => {
        const row = document.createElement("div"), name = document.createElement("span"), said = document.createElement("small");
        name.textContent = one.name;
        said.textContent = [one.output, one.label].filter(Boolean).join(" \u00b7 ");
        const { scores } = reading(number), all = Math.max(1, one.letters.length), parts = Math.min(all, 150);
        const sizes = new Array(parts).fill(0);
        scores.forEach((score, i) => { const part = Math.floor(i * parts / all); sizes[part] = Math.max(sizes[part], Math.abs(score) || 0); });
        const largest = Math.max(...sizes) || 1;
        const picture = element("svg", { viewBox: `0 0 ${parts} 20`, preserveAspectRatio: "none", "aria-hidden": "true" });
        picture.append(element("path", { class: "bars", d: sizes.map((size, i) => `M${i} 20v${(-13 * size / largest).toFixed(1)}h1V20z`).join("") }));
        for (const site of one.sites) {
          const left = site[0] / all * parts, wide = Math.max(parts / 200, (site[1] - site[0]) / all * parts);
          picture.append(element("rect", { x: left.toFixed(2), y: 1, width: wide.toFixed(2), height: 5, style: `fill: ${colour(site)}` }));
        }
        row.id = `row-${number}`;
        row.setAttribute("role", "option");
        row.setAttribute("aria-selected", "false");
        row.append(name, picture, said);
        row.addEventListener("click", () => choose(number));
        list.append(row);
      });
      list.addEventListener("keydown", event => {
        const steps = { ArrowUp: -1, ArrowDown: 1, PageUp: -8, PageDown: 8, Home: -1e9, End: 1e9 };
        if (!(event.key in steps)) return;
        choose(current + steps[event.key]);
        event.preventDefault();
      });
    };

    viewer.hidden = false;
    if (explained.maps.length > 1) { list.hidden = false; fillList(); }
    width = svg.clientWidth;
    choose(0);
    new ResizeObserver(() => {
      if (svg.clientWidth === width || !svg.clientWidth) return;
      const part = (to - from) * svg.clientWidth / width; // letters keep their width
      width = svg.clientWidth;
      if (length()) centre((from + to) / 2, part);
    }).observe(svg);
  };
  if (viewer) start();
}
