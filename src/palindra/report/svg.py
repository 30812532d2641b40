"""Elements of SVG as escaped strings."""

from __future__ import annotations

from markupsafe import Markup, escape


def tag(name: str, /, *children: str, **attributes: str | float | None) -> Markup:
    """One element with its children; text and attributes are escaped, elements made by `tag` are kept.

    Underscores in attribute names become hyphens, one at the end is dropped (``class_``); an attribute that is None is
    left out. Numbers keep two decimals.

    Examples:
        >>> print(tag("circle", tag("title", "a < b"), cx=1.2345, cy=3, class_="dot"))
        <circle cx="1.23" cy="3" class="dot"><title>a &lt; b</title></circle>
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _text(value))
        for key, value in attributes.items()
        if value is not None
    )
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), written, join(children))


def join(parts: tuple[str, ...] | list[Markup]) -> Markup:
    """Parts one after the other, escaped where they are plain text."""
    return Markup("").join(escape(part) for part in parts)


def points(xs: list[float], ys: list[float]) -> str:
    """The ``d`` of a path through points, without those too near to the one before to be seen."""
    kept: list[tuple[float, float]] = []
    last = len(xs) - 1
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if not kept or i == last or abs(x - kept[-1][0]) + abs(y - kept[-1][1]) >= 0.5:
            kept.append((x, y))
    return "M" + "L".join(f"{_text(x)} {_text(y)}" for x, y in kept) if kept else ""


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
