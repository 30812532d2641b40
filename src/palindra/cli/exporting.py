"""A run folder as files that run without Palindra."""

from __future__ import annotations

from pathlib import Path

from palindra.cli.inputs import choose
from palindra.models.export import export
from palindra.models.export_formats import FORMATS
from palindra.models.saving import load_run


def export_run(run: Path, output: Path, formats: str) -> list[str]:
    """Write the model of a run folder in the formats asked for, with commas.

    Returns:
        One line for each file, and what the files take and how exact they are.

    Raises:
        InputError: for no run folder, or a format that is not known or cannot be written here.
    """
    chosen = [choose("--format", name.strip(), FORMATS) for name in formats.split(",")]
    loaded = load_run(run)
    about = loaded.config["data"]
    exported = export(
        loaded.predictor,
        output,
        example_length=loaded.length,
        formats=list(dict.fromkeys(chosen)),
        metadata={
            "outputs": ", ".join(about["classes"] if loaded.predictor.task == "multiclass" else about["targets"]),
            "strategy": str(loaded.config["run"]["strategy"]),
            "sha256_of_data": about["sha256"],
        },
    )
    return [
        *(f"{name:11s} {path}" for name, path in exported.files.items()),
        f"lengths     {exported.lengths}",
        f"differs     by {exported.largest_difference:.1e} at most from the model",
    ]
