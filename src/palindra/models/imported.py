"""What a name such as ``my_models:load_model`` stands for, imported from the current folder or the packages."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from palindra.errors import InputError


def imported(name: str, *, shown: str | None = None) -> tuple[Any, ModuleType]:
    """The object that ``module:attribute`` names, and its module.

    Args:
        name: module and attribute, which may have points.
        shown: what messages call it; the name by default.

    Raises:
        InputError: if there is no such module or attribute.

    Examples:
        >>> imported("math:pi")[0] > 3
        True
    """
    module_name, _, attribute = name.partition(":")
    shown = shown or name
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
        found: Any = module
        for part in attribute.split("."):
            found = getattr(found, part)
    except ModuleNotFoundError as error:
        raise InputError(f"{shown}: {error}. It was looked for in the current folder and the packages.") from error
    except AttributeError as error:
        raise InputError(f"{shown}: {error}.") from error
    finally:
        sys.path.pop(0)
    return found, module
