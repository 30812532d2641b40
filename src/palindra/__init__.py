"""Deep learning on DNA, RNA and protein sequences in which symmetry is declared once and then holds everywhere.

``import palindra`` is cheap: torch is imported by the first thing that needs it.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["InputError", "__version__", "load"]

if TYPE_CHECKING:
    from palindra.errors import InputError
    from palindra.models.saving import load


def __getattr__(name: str) -> Any:
    if name == "load":
        from palindra.models.saving import load

        return load
    if name == "InputError":
        from palindra.errors import InputError

        return InputError
    raise AttributeError(f"module 'palindra' has no attribute {name!r}")
