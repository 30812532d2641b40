"""Where the trials of a search are kept: in a file of its folder, in another file, or in a database."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from palindra.errors import InputError

STUDY = "study.db"
SQLITE = (".db", ".sqlite", ".sqlite3")
_NAME = "palindra"


def open_study(output: Path, storage: str | None, *, seed: int) -> Any:
    """The study of a search, made where there is none.

    Args:
        output: folder of the search.
        storage: None for a file of SQLite in the folder; another such file (.db, .sqlite), any other file for Optuna's
            journal, which several machines can share, or an address of a database such as ``postgresql://...``.
        seed: of the proposals.

    Raises:
        InputError: for a storage that cannot be used, or that holds the search of another folder by this name.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(
            study_name=_NAME if storage is None else f"{_NAME}-{output.resolve().name}",
            storage=f"sqlite:///{(output / STUDY).resolve()}" if storage is None else _storage(storage),
            sampler=optuna.samplers.TPESampler(seed=seed),
            direction="maximize",
            load_if_exists=True,
        )
    except Exception as error:  # of whatever database
        if storage is None:
            raise
        raise InputError(
            f"--storage {without_password(storage)}: cannot be used ({without_password(_first_line(error))}). Give a "
            "file, or the address of a database that answers and whose Python driver is installed, e.g. "
            "postgresql://user:password@host/database."
        ) from error
    if storage is not None:
        _require_place(study, output, storage)
    return study


def take_up(study: Any, say: Callable[[str], None] = lambda _: None) -> None:
    """Trials that a kill left unfinished are proposed again; their run folders go on where they stopped."""
    import optuna

    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the method is marked experimental
            study.enqueue_trial(trial.params)
        say(f"trial {trial.number} was cut off; its settings are taken up again")


def finished(study: Any) -> int:
    """How many trials have a value."""
    import optuna

    return len(study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)))


def sampler(seed: int, *, others: bool) -> Any:
    """What proposes settings.

    Args:
        seed: of its draws.
        others: whether other trials are going on, which then count as bad so that their neighbourhood is left to them.
    """
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the option is marked experimental
        return optuna.samplers.TPESampler(seed=seed, constant_liar=others)


def without_password(text: str) -> str:
    """An address that can be shown.

    Examples:
        >>> without_password("postgresql://me:secret@host/base"), without_password("study.log")
        ('postgresql://me:...@host/base', 'study.log')
    """
    return re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:...@", text)


def _storage(text: str) -> Any:
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    if "://" in text:
        return optuna.storages.RDBStorage(text)
    path = Path(text).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in SQLITE:
        return optuna.storages.RDBStorage(f"sqlite:///{path}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return JournalStorage(JournalFileBackend(str(path)))


def _require_place(study: Any, output: Path, storage: str) -> None:
    """Two folders of one name must not share a study: each would look for the runs of the other."""
    here = str(output.resolve())
    before = study.user_attrs.get("folder")
    if before is None:
        study.set_user_attr("folder", here)
    elif before != here:
        raise InputError(
            f"--storage {without_password(storage)}: holds the search of {before}, which has the same name as {here}. "
            "Choose an --output of another name."
        )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
