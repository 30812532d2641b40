"""bfloat16 only where the hardware computes in it."""

from __future__ import annotations

import pytest
import torch

from palindra.training import precision
from palindra.training.precision import choose_precision


@pytest.fixture
def machine(monkeypatch):
    """A machine with these flags, and a GPU or none."""

    def pretend(*flags: str, gpu: bool | None = None) -> None:
        monkeypatch.setattr(precision, "_cpu_flags", lambda: set(flags))
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu is not None)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bool(gpu))

    return pretend


@pytest.mark.parametrize(
    ("flags", "gpu", "expected"),
    [
        (["avx2", "avx512f"], None, "32-true"),
        (["avx2", "avx512_bf16"], None, "bf16-mixed"),
        (["amx_bf16", "amx_tile"], None, "bf16-mixed"),
        (["amx_tile"], None, "32-true"),
        ([], None, "32-true"),
        (["amx_bf16"], False, "32-true"),  # an old GPU decides, not the CPU beside it
        ([], True, "bf16-mixed"),
    ],
)
def test_automatic_choice(machine, flags: list[str], gpu: bool | None, expected: str):
    machine(*flags, gpu=gpu)
    assert choose_precision("auto") == expected


def test_what_is_asked_for_wins(machine):
    machine("amx_bf16")
    assert choose_precision("float32") == "32-true"
    machine()
    assert choose_precision("bf16") == "bf16-mixed"


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="choose auto, bf16 or float32"):
        choose_precision("half")


def test_a_system_without_cpuinfo_has_no_flags(monkeypatch):
    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", missing)
    assert precision._cpu_flags() == set()
