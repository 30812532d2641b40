"""What an audit of representations puts on its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from palindra.cli.labelled import figures
from palindra.report import audit_page
from palindra.report.comparison import Strands
from palindra.report.numbers import interval, number, signed

if TYPE_CHECKING:
    from palindra.probing.audit import Apart, Moved, SourceAudit

ROUNDING = 1e-5  # of float32 features, in parts of the distance between different sequences


def facts(found: SourceAudit) -> list[tuple[str, str, str]]:
    """Single numbers: the source, its letters and its predictions."""
    facts = [("source", found.name, f"{found.width:,} features of a token, {found.parameters:,} weights")]
    language, downstream = found.language, found.downstream
    if language is not None:
        gain = (
            f"averaging both strands gains {signed(language.gain)} ({interval(language.gain_low, language.gain_high)})"
        )
        facts += [
            (
                "letters: difference of strands",
                number(language.unlike),
                f"of the probability at a position, {interval(language.low, language.high)}; "
                f"{number(language.relative)} of the difference between two unrelated positions",
            ),
            ("letters: likeliest one changes", f"{language.changed:.1%}", f"of {language.positions:,} positions"),
            ("letters: nats lost each", number(language.given), f"{gain}; a guess loses 1.386"),
        ]
    if downstream is not None:
        strands = downstream.strands
        facts.append(
            (
                f"{downstream.metric} as given",
                number(downstream.score_given),
                f"{number(downstream.score_other)} on the reverse complements, by a linear readout fitted on "
                f"{downstream.fitted_on:,} sequences as they are given",
            )
        )
        facts.append(
            (
                "predictions: difference of strands",
                number(strands.relative),
                f"standard deviations of predictions; correlation of strands {number(strands.correlation)}"
                + ("" if strands.flipped is None else f"; {strands.flipped:.1%} of decisions change"),
            )
        )
    return facts


def strand_table(found: SourceAudit) -> audit_page.Table:
    """Embeddings of both strands, and of the averaged source."""
    rows = []
    for name, key in (("mean embedding", "mean"), ("base by base", "full"), ("CLS embedding", "cls")):
        given = getattr(found.strands, key)
        if given is None:
            continue
        cured = None if found.averaged is None else getattr(found.averaged, key)
        cell = ("", "") if cured is None else _relative(cured)
        detail = f"{given.sequences:,} sequences"
        rows.append([(name, detail), _relative(given), (number(given.cosine), ""), cell])
    rest = found.strands.after_map
    if rest is not None:
        rows.append(
            [
                ("base by base, after one linear map", "fitted on other sequences"),
                (number(rest), ""),
                ("", ""),
                ("", ""),
            ]
        )
    return audit_page.Table(
        "The other strand",
        ["features", "distance / spread", "cosine", "both strands averaged"],
        rows,
        "How far the features of the reverse complement are from those of the sequence, in parts of the distance "
        "between two different sequences, with a 95 % interval over sequences: 0 is the same, 1 as far as another "
        "sequence. What is left after one linear map is small where the features are merely exchanged.",
    )


def cure_table(found: SourceAudit) -> audit_page.Table:
    """What averaging does to the score."""
    downstream, rows = found.downstream, []
    if downstream is not None:
        for cure in downstream.cures:
            effect = cure.effect
            rows.append(
                [
                    (cure.name, ""),
                    (number(effect.given_strand), ""),
                    (number(effect.both_strands), ""),
                    (signed(effect.difference), interval(effect.low, effect.high) or "no interval"),
                    (number(cure.left.relative), f"was {number(downstream.strands.relative)}"),
                ]
            )
    metric = "" if downstream is None else downstream.metric
    return audit_page.Table(
        "What averaging both strands does",
        ["cure", f"{metric} as given", f"{metric} cured", "difference", "strands differ by"],
        rows,
        "Difference with its 95 % interval by a paired bootstrap over test sequences. An interval below zero means "
        "that averaging hurts: the label depends on the strand. The last column is in standard deviations.",
    )


def token_table(found: SourceAudit) -> audit_page.Table:
    """What a shift by one letter does to tokens and features."""
    rows = []
    for moved in (found.moved, found.beside):
        tokens = None if moved is None else moved.tokens
        if moved is None or tokens is None:
            continue
        rows.append(
            [
                (moved.name, ""),
                (f"{tokens.per_sequence:.1f}", f"for {found.length:,} letters"),
                (f"{tokens.moved:.0%}", ""),
                (f"{tokens.changed:.0%}", ""),
                _relative(tokens.bases),
                ("", "") if tokens.at_kept is None else _relative(tokens.at_kept),
                ("", "") if tokens.at_changed is None else _relative(tokens.at_changed),
            ]
        )
    return audit_page.Table(
        "One letter later",
        ["source", "tokens", "borders moved", "bases with another token", "same bases", "token kept", "token changed"],
        rows,
        "Each sequence is turned by one letter, and tokens and features are compared at the very same bases: what "
        "share of borders between tokens moved, how many bases got another token, and how far features moved in parts "
        "of the distance between different sequences, at all bases, where the token is the same, and where not.",
    )


def _relative(found: Apart) -> tuple[str, str]:
    if found.high < ROUNDING:
        return "0", "up to rounding" * (found.high > 0)
    return number(found.relative), interval(found.low, found.high)


def shifted(moved: Moved) -> audit_page.Shifted:
    """The line of one source against the size of a shift."""
    return audit_page.Shifted(
        moved.name,
        [(float(s.letters), s.mean.relative, s.mean.low, s.mean.high) for s in moved.shifts],
    )


def scatter(found: SourceAudit) -> Strands | None:
    """Predictions for both strands, where there are any."""
    if found.downstream is None:
        return None
    drawn = figures.strands(found.name, found.downstream.given, found.downstream.other)
    return drawn[0] if drawn else None
