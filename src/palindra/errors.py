"""The one exception that users meet: something they gave is not what is needed."""

from __future__ import annotations


class InputError(ValueError):
    """A file, option or sequence that cannot be used as given.

    The message says what was given (with file and line where there are some), what is needed and what to do.
    The command line prints it alone and exits with code 2.
    """
