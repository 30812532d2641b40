"""Which arithmetic pays on this machine."""

from __future__ import annotations

import torch


def choose_precision(asked: str = "auto") -> str:
    """Lightning's name of the precision to train in: bfloat16 where the hardware computes in it, else float32.

    On CPUs with AMX or AVX-512 BF16 convolutions train two to four times faster in bfloat16; others emulate it and are
    slower. Weights, batch statistics and losses stay float32.

    Args:
        asked: ``"auto"``, ``"bf16"`` or ``"float32"``.
    """
    if asked == "float32":
        return "32-true"
    if asked == "bf16":
        return "bf16-mixed"
    if asked != "auto":
        raise ValueError(f"precision {asked!r}: choose auto, bf16 or float32.")
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    flags = torch.backends.cpu.get_cpu_capability(), _cpu_flags()
    return "bf16-mixed" if flags[1] & {"amx_bf16", "avx512_bf16"} else "32-true"


def _cpu_flags() -> set[str]:
    """Instruction sets that the kernel reports, empty where it does not."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:  # noqa: PTH123  (a kernel file)
            return next((set(line.split()) for line in lines if line.startswith("flags")), set())
    except OSError:
        return set()
