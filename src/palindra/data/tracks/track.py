"""The declaration of a genome track: its file, its name, its partner on the other strand, how its values are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from palindra.data.tracks.problems import Problem, refuse

if TYPE_CHECKING:
    from palindra.symmetry import Target


@dataclass(frozen=True, kw_only=True)
class Track:
    """One track of a data set.

    Values are changed in the order: missing, ``clip``, ``soft_clip``, ``scale``, ``log1p``; all but the first are off.

    Args:
        name: unique in the data set.
        path: the bigWig; None in a data set of labels alone.
        partner: name of the track that this one becomes on the other strand; None for an unstranded track.
        replicate: bigWig of a second replicate, the ceiling of what can be predicted; read like the track itself.
        peaks: BED or narrowPeak of the track's peaks, for peak-centred windows and binary labels.
        missing: positions without a value count as 0 (``"zero"``), or stay missing and are left out of bins, losses
            and metrics (``"exclude"``).
        clip: larger values become this one.
        soft_clip: values above t become t + sqrt(x - t).
        scale: factor, above 0.
        log1p: store log(x + 1).

    Examples:
        >>> plus = Track(name="plus", path=Path("plus.bw"), partner="minus", soft_clip=4.0)
        >>> plus.transformed(np.array([1, 8, np.nan], dtype=np.float32)).tolist()
        [1.0, 6.0, 0.0]
    """

    name: str
    path: Path | None = None
    partner: str | None = None
    replicate: Path | None = None
    peaks: Path | None = None
    missing: Literal["zero", "exclude"] = "zero"
    clip: float | None = None
    soft_clip: float | None = None
    scale: float = 1.0
    log1p: bool = False

    def transformed(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values of the bigWig (NaN where it has none) as the data set holds them; every step keeps their order."""
        if self.missing == "zero":
            values = np.where(np.isnan(values), np.float32(0), values)
        if self.clip is not None:
            values = np.minimum(values, np.float32(self.clip))
        if self.soft_clip is not None:
            excess = np.maximum(values - np.float32(self.soft_clip), np.float32(0))
            values = np.where(excess > 0, np.float32(self.soft_clip) + np.sqrt(excess), values)
        if self.scale != 1.0:
            values = values * np.float32(self.scale)
        if self.log1p:
            with np.errstate(invalid="ignore", divide="ignore"):  # at -1 and below; the reader refuses the result
                values = np.log1p(values)
        return values

    @property
    def fill(self) -> float:
        """What stands where nothing was measured, and outside the chromosome."""
        return 0.0 if self.missing == "zero" else float("nan")


def track_problems(tracks: Sequence[Track]) -> Iterator[Problem]:
    """Everything that is wrong with the declarations themselves (files are not looked at)."""
    if not tracks:
        yield Problem("no track is given: at least one is needed.")
    names = {track.name: track for track in tracks}
    for name, count in Counter(track.name for track in tracks).items():
        if count > 1:
            files = ", ".join(str(t.path or t.peaks) for t in tracks if t.name == name)
            yield Problem(f"{count} tracks are named {name!r} ({files}): give each its own name.")
    with_path = [track for track in tracks if track.path is not None]
    for track in tracks:
        if not track.name.strip() or "\t" in track.name or "\n" in track.name:
            yield Problem(f"a track is named {track.name!r}: a name of letters without tabs and line ends is needed.")
        if track.path is None and (with_path or track.peaks is None):
            yield Problem(f"track {track.name!r} has no bigWig: give its path (or peaks alone for every track).")
        if track.replicate is not None and track.path is None:
            yield Problem(f"track {track.name!r} has a replicate but no path: the first replicate is the path.")
        if not 0 < track.scale < float("inf"):
            yield Problem(f"track {track.name!r} has scale {track.scale}: a number above 0 is needed.")
        if track.partner is not None:
            yield from _partner_problems(track, names)


def check_tracks(tracks: Sequence[Track]) -> None:
    """Make sure that names are unique, partners are mutual, and every track has its file.

    Raises:
        InputError: lists everything that is wrong.

    Examples:
        >>> check_tracks([Track(name="a", path=Path("a.bw"), partner="b")])
        Traceback (most recent call last):
        palindra.errors.InputError: track 'a' has partner 'b', which is not listed; the tracks are 'a'.
    """
    refuse(track_problems(tracks))


def partners(tracks: Sequence[Track]) -> list[int]:
    """For each track the number of the track that it becomes on the other strand.

    Examples:
        >>> stranded = [Track(name="+", partner="-"), Track(name="atac"), Track(name="-", partner="+")]
        >>> partners(stranded)
        [2, 1, 0]
    """
    place = {track.name: number for number, track in enumerate(tracks)}
    return [place[track.name if track.partner is None else track.partner] for track in tracks]


def target_of(tracks: Sequence[Track]) -> Target:
    """How the tracks change when the sequence is read from the other strand: reversed, and partners swapped."""
    from palindra.symmetry import Position, Target

    return Target.paired(partners(tracks), Position.REVERSE)


def _partner_problems(track: Track, names: dict[str, Track]) -> Iterator[Problem]:
    other = names.get(track.partner or "")
    if other is None:
        listed = ", ".join(map(repr, names))
        yield Problem(
            f"track {track.name!r} has partner {track.partner!r}, which is not listed; the tracks are {listed}."
        )
    elif other is not track and other.partner != track.name:
        yield Problem(
            f"track {track.name!r} has partner {other.name!r}, whose partner is {other.partner or 'itself'!r}: "
            f"partners must name each other. Set partner = {track.name!r} for {other.name!r}."
        )
    elif _reading(track) != _reading(other) and track.name < other.name:
        yield Problem(
            f"tracks {track.name!r} and {other.name!r} are partners but are read with different missing, clip, "
            "soft_clip, scale or log1p: they swap on the other strand, so give both the same."
        )


def _reading(track: Track) -> tuple[object, ...]:
    present = (track.path is None, track.replicate is None)
    return track.missing, track.clip, track.soft_clip, track.scale, track.log1p, present
