"""A comparison as text for a terminal."""

from __future__ import annotations

from palindra.report.comparison import Comparison, Row

SHOWN = 4  # metrics


def summary_table(comparison: Comparison) -> str:
    """One line per row: metrics with half-widths of their intervals, parameters, seconds, strand discrepancy."""
    metrics = sorted(comparison.metrics, key=lambda name: name != comparison.primary_metric)[:SHOWN]
    header = ["", *metrics, "parameters", "seconds", "strands differ"]
    lines = [header, *(_line(row, metrics) for row in comparison.rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if not n else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def _line(row: Row, metrics: list[str]) -> list[str]:
    cells = [row.name]
    for name in metrics:
        mean, low, high = row.intervals[name]
        cells.append(f"{mean:.3f} ± {(high - low) / 2:.3f}" if low == low else f"{mean:.3f}")
    cells.append("-" if row.parameters is None else f"{row.parameters:,}")
    cells.append("-" if row.seconds is None else f"{row.seconds:.0f}")
    cells.append("-" if row.strand_discrepancy is None else f"{row.strand_discrepancy:.4f}")
    return cells
