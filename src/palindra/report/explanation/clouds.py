"""What the scatter plots of the page read: points of the plane and the quantities that colour them."""

from __future__ import annotations

from typing import Any

from palindra.errors import InputError
from palindra.report.explanation.contents import Cloud
from palindra.report.explanation.packing import pack
from palindra.report.numbers import is_number


def cloud_data(clouds: list[Cloud]) -> dict[str, Any]:
    """Clouds as plain values for JSON; names and quantities that several clouds share are written once.

    Raises:
        InputError: if a cloud does not have one value of everything for each point.
    """
    shared: dict[str, list[Any]] = {"names": [], "quantities": []}
    seen: dict[str, list[Any]] = {"names": [], "quantities": []}

    def once(kind: str, values: list[Any], written: Any) -> int:
        if values not in seen[kind]:
            seen[kind].append(values)
            shared[kind].append(written)
        return seen[kind].index(values)

    drawn = []
    for cloud in clouds:
        _check(cloud)
        drawn.append(
            {
                "title": cloud.title,
                "x": pack(cloud.x),
                "y": pack(cloud.y),
                "names": once("names", cloud.names, cloud.names),
                "colours": {name: once("quantities", values, pack(values)) for name, values in cloud.colours.items()},
            }
        )
    return {"clouds": drawn, **shared}


def placed(cloud: Cloud) -> int:
    """How many points of a cloud have a place."""
    return sum(is_number(x) and is_number(y) for x, y in zip(cloud.x, cloud.y, strict=True))


def _check(cloud: Cloud) -> None:
    sizes = {"x": len(cloud.x), "y": len(cloud.y), "names": len(cloud.names)}
    sizes |= {name: len(values) for name, values in cloud.colours.items()}
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{name}: {size}" for name, size in sizes.items())
        raise InputError(f"the cloud {cloud.title!r} needs one value of everything for each point; given are {said}.")
