"""Training, ranking and writing of ``palindra recommend``; finished runs of an interrupted one are kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from palindra.cli.recommend.writing import METRICS, RECOMMENDATIONS, SUMMARY, recommendations, summary, table
from palindra.cli.settings import require_same
from palindra.data.recommendation import Histories, keep_frequent, read_interactions, split_in_time
from palindra.errors import InputError
from palindra.evaluation.recommendation import item_neighbours, model_scores, popularity, rank_all
from palindra.models.cosrec import CosRec, CosRecConfig
from palindra.models.plain import to_plain
from palindra.models.saving import write_tensors, write_text
from palindra.symmetry import Position
from palindra.training.recommendation import RecommendationTraining, fit_recommender, refit_recommender

MODELS: dict[str, Position | None] = {"scosrec": Position.TRANSPOSE, "cosrec": None}
NEIGHBOURS = (10, 20, 50, 100, 200, 500)  # of item-kNN, chosen on validation
RESULT, WEIGHTS, SETTINGS = "result.json", "weights.safetensors", "settings.json"

Say = Callable[[str], object]


@dataclass(frozen=True)
class Settings:
    """What is asked on the command line."""

    models: str = "scosrec"
    seeds: tuple[int, ...] = (0,)
    top: int = 10
    columns: tuple[str | None, str | None, str | None] = (None, None, None)
    user_least: int = 5
    item_least: int = 5
    filter_once: bool = False
    length: int = 5
    width: int = 50
    epochs: int = 100
    batch_size: int = 512
    learning_rate: float = 1e-3
    l2: float = 5e-6
    refit: bool = True

    @property
    def names(self) -> list[str]:
        """The models.

        Raises:
            InputError: for one that there is not.
        """
        names = list(dict.fromkeys(name.strip().lower() for name in self.models.split(",")))
        for name in names:
            if name not in MODELS:
                raise InputError(f"--models {self.models}: there is no {name!r}; choose from {', '.join(MODELS)}.")
        return names


def recommend(ratings: Path, output: Path, settings: Settings, *, say: Say = lambda _: None) -> list[str]:
    """Train, rank and write a folder; the lines to show.

    Raises:
        InputError: for a file or options that cannot be used, and for a folder with a run of other settings.
    """
    names = settings.names
    training = _training(settings, settings.seeds[0])
    user, item, timestamp = settings.columns
    rows = read_interactions(ratings, user_column=user, item_column=item, timestamp_column=timestamp)
    kept = keep_frequent(
        rows,
        user_least=settings.user_least,
        item_least=settings.item_least,
        until_stable=not settings.filter_once,
    )
    data = split_in_time(kept)
    whole = data.with_validation()
    say(
        f"{len(kept):,} interactions of {len(data.users):,} users with {len(data.items):,} items "
        f"({len(rows) - len(kept):,} of rare users or items left out)"
    )
    asked = {name: str(value) for name, value in asdict(settings).items()} | {"data": rows.sha256}
    if output.exists():
        require_same(output, _stored(output / SETTINGS), asked)
        return [*(output / METRICS).read_text(encoding="utf-8").splitlines(), f"finished before: {output}"]
    partial = output.with_name(output.name + ".partial")
    if partial.exists():
        require_same(partial, _stored(partial / SETTINGS), asked)
    partial.mkdir(parents=True, exist_ok=True)
    write_text(partial / SETTINGS, json.dumps(asked, indent=1) + "\n")

    results: dict[str, list[dict[str, Any]]] = _baselines(data, whole)
    for name in names:
        for seed in settings.seeds:
            folder = partial / "runs" / f"{name}-seed-{seed}"
            if not (folder / RESULT).exists():
                _run(folder, _config(data, settings, name), data, whole, settings, seed)
            results.setdefault(name, []).append(_stored(folder / RESULT))
            found = results[name][-1]
            say(f"{name} seed {seed}: validation MAP {found['valid_MAP']:.4f} after {found['epochs']} epochs")
    model = CosRec(_config(data, settings, names[0]))
    model.load_state_dict(load_file(partial / "runs" / f"{names[0]}-seed-{settings.seeds[0]}" / WEIGHTS))
    write_text(partial / RECOMMENDATIONS, recommendations(model.eval(), whole, settings.top))
    write_text(partial / METRICS, table(results))
    facts = {"training": asdict(training), "users": len(data.users), "items": len(data.items)}
    write_text(partial / SUMMARY, summary(results, asked, facts))
    partial.replace(output)
    return [*table(results).splitlines(), f"written to {output}: {METRICS}, {SUMMARY}, {RECOMMENDATIONS}"]


def _training(settings: Settings, seed: int) -> RecommendationTraining:
    return RecommendationTraining(
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        l2=settings.l2,
        seed=seed,
    )


def _config(data: Histories, settings: Settings, name: str) -> CosRecConfig:
    return CosRecConfig(
        len(data.users), len(data.items), length=settings.length, width=settings.width, involution=MODELS[name]
    )


def _run(folder: Path, config: CosRecConfig, data: Histories, whole: Histories, settings: Settings, seed: int) -> None:
    import tomli_w

    def validation(model: CosRec) -> float:
        return rank_all(model_scores(model, data.train), data.train, data.valid, data.known).means()["MAP"]

    training = _training(settings, seed)
    fitted = fit_recommender(config, data, training, validation)
    model, known = fitted.model, data.known
    if settings.refit:
        model, known = refit_recommender(config, whole, training, fitted.rates).model, whole.known
    # Without the last fit the items of validation are still read as the past of the test.
    ranked = rank_all(model_scores(model, whole.train), whole.train, data.test, known)
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / WEIGHTS, dict(model.state_dict()))
    write_text(folder / "config.toml", tomli_w.dumps({"model": to_plain(config), "training": asdict(training)}))
    found = {
        "valid_MAP": fitted.log[fitted.best].validation,
        "epochs": fitted.best + 1,
        "parameters": sum(p.numel() for p in model.parameters()),
        "means": ranked.means(),
        "targets": ranked.targets,
        "unreachable": ranked.unreachable,
        "average_precision_of_users": ranked.average_precision.tolist(),
        "log": [line._asdict() for line in fitted.log],
    }
    write_text(folder / RESULT, json.dumps(found) + "\n")


def _baselines(data: Histories, whole: Histories) -> dict[str, list[dict[str, Any]]]:
    def neighbour_map(count: int) -> float:
        scores = item_neighbours(data, neighbours=count)
        return rank_all(scores, data.train, data.valid, data.known).means()["MAP"]

    count = max(NEIGHBOURS, key=neighbour_map)
    scores = {"popularity": popularity(whole), "item-kNN": item_neighbours(whole, neighbours=count)}
    found = {name: rank_all(some, whole.train, data.test, whole.known) for name, some in scores.items()}
    return {
        name: [
            {
                "means": ranked.means(),
                "targets": ranked.targets,
                "unreachable": ranked.unreachable,
                "average_precision_of_users": ranked.average_precision.tolist(),
                **({"neighbours": count} if name == "item-kNN" else {}),
            }
        ]
        for name, ranked in found.items()
    }


def _stored(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{path}: cannot be read, so the folder was not written by this command. Choose another --output."
        ) from error
