// What the pictures of this page share: unpacked numbers, written numbers, elements of SVG.
"use strict";
const explained = JSON.parse(document.getElementById("explanation").textContent);

// Numbers as packed by palindra.report.explanation.packing; missing ones are NaN.
const unpack = packed => {
  const bytes = Uint8Array.from(atob(packed.data), letter => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float64Array.from({ length: bytes.length / 2 }, (_, i) => {
    const steps = view.getInt16(2 * i, true);
    return steps === -32768 ? NaN : packed.middle + packed.step * steps;
  });
};

// Four digits of the largest number, for all numbers of one picture.
const written = largest => {
  const power = largest > 0 ? Math.floor(Math.log10(largest)) : 0;
  const plain = power >= -5 && power < 7;
  return (value, sign = "") => {
    if (!Number.isFinite(value)) return "no number";
    const text = plain
      ? value.toLocaleString("en", { minimumFractionDigits: Math.max(0, 3 - power), maximumFractionDigits: Math.max(0, 3 - power) })
      : value.toExponential(3);
    return ((value > 0 ? sign : "") + text).replaceAll("-", "\u2212");
  };
};
const grouped = value => value.toLocaleString("en");

const element = (name, attributes = {}, text = "") => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
};
const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));
const roundStep = least => {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map(size => size * power).find(step => step >= least * (1 - 1e-9));
};

// A tip beside a place of a picture, kept inside of it.
const showTip = (tip, lines, x, y) => {
  tip.replaceChildren(...lines.filter(Boolean).map((line, i) => {
    const made = document.createElement(i ? "span" : "b");
    made.textContent = line;
    return made;
  }));
  tip.hidden = false;
  const room = tip.parentElement.clientWidth;
  tip.style.left = `${clamp(x + 14 + tip.offsetWidth > room ? x - 14 - tip.offsetWidth : x + 14, 0, room - tip.offsetWidth)}px`;
  tip.style.top = `${Math.max(0, y - tip.offsetHeight / 2)}px`;
};
