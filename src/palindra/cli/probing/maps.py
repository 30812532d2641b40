"""Attribution maps of pretrained sources beside those of the one-hot CNN, and what both are worth in models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from palindra.cli.probing.opening import Material, device
from palindra.cli.probing.pieces import FAILED, Piece, Sharing, make_all, named, write_piece
from palindra.cli.probing.plan import Plan
from palindra.cli.probing.protocol import EMBEDDINGS, heads
from palindra.cli.probing.reopening import cache_of, opened, plan_from, rows_of
from palindra.engine import Unit
from palindra.errors import InputError
from palindra.interpretation.attribution.outputs import value
from palindra.interpretation.importance.running import Predict
from palindra.models.saving import write_tensors
from palindra.probing.attribution import (
    agreement,
    correlations,
    one_hot_maps,
    readout_head,
    source_predictor,
    transplant,
)
from palindra.probing.attribution.agreement import ENTROPY, GRADIENT, SCALED, Maps
from palindra.probing.attribution.effects import SHUFFLES, PatternRow, TransplantRow, pattern_rows, transplant_rows
from palindra.probing.cache import Cache
from palindra.probing.features import TaskFeatures
from palindra.probing.readouts import CNNS, Cnn, fit_readout
from palindra.probing.source import Source
from palindra.probing.sources import open_source
from palindra.probing.tasks import ProbeTask
from palindra.probing.verdicts import Kind, MapAgreement

FOLDER = "attribution"
SHUFFLES_OF_EACH = 20  # of every sequence that positions are transplanted into
OWN_SHUFFLES = 100  # that a pretrained source reads for its own readout
WITHOUT = (Kind.ONE_HOT, Kind.COUNTS)
ONE_HOT = "one-hot"
PLAIN = "one-hot CNN"  # as a model
OWN = "own readout"
ONE_LENGTH = "attribution maps need one input per row and sequences of one length."
STAGES = {ENTROPY: "pretrained", SCALED: "downstream", GRADIENT: "downstream"}
WEIGHTS = "model."


class Of(NamedTuple):
    """What a row of a table is about."""

    source: str
    task: str
    row: Any


@dataclass(frozen=True)
class MapFindings:
    """All that maps showed.

    Args:
        agreements: with the maps of the one-hot CNN.
        patterns: that maps find, with their global importance.
        transplants: of the top positions of maps.
        warnings: of sources on tasks.
    """

    agreements: list[MapAgreement] = field(default_factory=list)
    patterns: list[Of] = field(default_factory=list)
    transplants: list[Of] = field(default_factory=list)
    warnings: list[Of] = field(default_factory=list)


def compare_maps(material: Material, plan: Plan, contents: str, output: Path, sharing: Sharing) -> MapFindings:
    """Maps of every pretrained source on every task, beside those of the one-hot CNN.

    The CNNs are those of the first seed. Tasks of two inputs, or of sequences of several lengths, are left out with a
    warning. The one-hot CNN of a task is a piece of work, then each source on a task; maps, weights and numbers are
    kept in the run folder.
    """
    found = MapFindings()
    place = output.absolute() / FOLDER
    common = {"plan": asdict(plan), "contents": contents, "output": str(output.absolute())}
    cache = Cache(output / EMBEDDINGS)
    fits = [(number, task) for number, (_, task) in enumerate(material.tasks) if _comparable(task)]
    for _, task in material.tasks:
        if not _comparable(task):
            found.agreements.append(
                MapAgreement("all sources", Kind.FUNCTION, task.name, "downstream", warnings=(ONE_LENGTH,))
            )
    plain: dict[int, Piece] = {}
    for number, task in fits:
        path = place / f"{_name(open_source(ONE_HOT), task, plan)}.json"
        label = f"{task.name}: attribution maps of the one-hot CNN"
        unit = Unit(f"{__name__}:plain_maps", common | {"path": str(path), "task": number}, label)
        plain[number] = Piece(path, unit, _plain_maker(path, task, plan, cache), label)
    for content, (_, task) in zip(make_all(list(plain.values()), output, sharing), fits, strict=True):
        _collect(found, content, ONE_HOT, task.name)
        if content[FAILED]:
            said = tuple(content["warnings"])
            found.agreements.append(MapAgreement("all sources", Kind.FUNCTION, task.name, "downstream", warnings=said))
    pieces: list[Piece] = []
    about: list[tuple[str, str]] = []
    for number, task in fits:
        beside = plain[number].path
        for which, one in enumerate(material.sources):
            if one.kind in WITHOUT or not _tensors(beside).is_file():
                continue
            path = place / f"{_name(one.source, task, plan)}.json"
            label = f"{task.name}: attribution maps of {one.name}"
            arguments = common | {"path": str(path), "plain": str(beside), "task": number, "source": which}
            unit = Unit(f"{__name__}:source_maps", arguments, label)
            pieces.append(Piece(path, unit, _maker(path, beside, one.source, one.kind, task, plan, cache), label))
            about.append((one.name, task.name))
    for content, (source, name) in zip(make_all(pieces, output, sharing), about, strict=True):
        _collect(found, content, source, name)
    return found


def _collect(found: MapFindings, content: Mapping[str, Any], source: str, task: str) -> None:
    found.agreements.extend(_agreement(item) for item in content["agreements"])
    found.patterns.extend(Of(source, task, PatternRow(**_numbers(row))) for row in content["patterns"])
    found.transplants.extend(Of(source, task, TransplantRow(**_numbers(row))) for row in content["transplants"])
    found.warnings.extend(Of(source, task, text) for text in content["warnings"])


def plain_maps(folder: Path, *, plan: dict[str, Any], contents: str, output: str, path: str, task: int) -> None:
    """The one-hot CNN of a task, its maps and what they are worth."""
    text = json.dumps(plan)
    rows = rows_of(text, contents)
    _plain_maker(Path(path), rows.tasks[task][1], plan_from(text), cache_of(output))()


def source_maps(
    folder: Path,
    *,
    plan: dict[str, Any],
    contents: str,
    output: str,
    path: str,
    plain: str,
    task: int,
    source: int,
) -> None:
    """Maps of one source on a task, beside those of the one-hot CNN."""
    text = json.dumps(plan)
    own, rows = opened(text, contents, source), rows_of(text, contents)
    one = rows.tasks[task][1]
    _maker(Path(path), Path(plain), own.source, own.kind, one, plan_from(text), cache_of(output))()


def _plain_maker(path: Path, task: ProbeTask, plan: Plan, cache: Cache) -> Any:
    def made() -> dict[str, Any]:
        module = _cnn(open_source(ONE_HOT), task, plan, cache)[0]
        predict = _Letters(module)
        texts = _texts(task)
        chosen, maps = one_hot_maps(predict, texts, output=value(0), top=plan.maps, batch_size=plan.batch_size)
        weights = {WEIGHTS + name: tensor for name, tensor in module.state_dict().items()}
        tensors = weights | {"rows": chosen, ONE_HOT: torch.from_numpy(maps)}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(_tensors(path), tensors)
        some = [texts[row] for row in chosen.tolist()]
        rows = pattern_rows({ONE_HOT: maps}, some, {PLAIN: (predict, SHUFFLES)})
        return {"patterns": [asdict(row) for row in rows]}

    return _writer(path, made, lambda said: [])


def _maker(path: Path, plain: Path, source: Source, kind: Kind, task: ProbeTask, plan: Plan, cache: Cache) -> Any:
    def made() -> dict[str, Any]:
        _, readout, tokens = _cnn(source, task, plan, cache)
        predict, head = _Letters(_stored_cnn(_tensors(plain), task)), readout_head(readout, tokens=tokens)
        texts = _texts(task)
        with torch.random.fork_rng():
            table = agreement(
                source, predict, texts, head=head, output=value(0), top=plan.maps, batch_size=plan.batch_size
            )
        chosen = {name: table.maps[name] for name in ((ENTROPY, SCALED) if ENTROPY in table.maps else (GRADIENT,))}
        tensors = {name: torch.from_numpy(maps) for name, maps in table.maps.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(_tensors(path), tensors | {"rows": torch.from_numpy(table.chosen)})
        some = [texts[row] for row in table.chosen.tolist()]
        own = source_predictor(source, head)
        models: dict[str, tuple[Predict, int]] = {PLAIN: (predict, SHUFFLES), OWN: (own, OWN_SHUFFLES)}
        content: dict[str, Any] = {
            "agreements": [_plain(item) for item in _agreements(source, kind, task, chosen, table.maps, table.chosen)]
        }
        beside = chosen | {ONE_HOT: table.maps[ONE_HOT]}
        said: list[str] = []
        for key, rows in (
            ("patterns", lambda: pattern_rows(chosen, some, models, batch_size=plan.batch_size)),
            ("transplants", lambda: transplant_rows(transplant(predict, some, beside, shuffles=SHUFFLES_OF_EACH))),
        ):
            try:
                content[key] = [asdict(row) for row in rows()]
            except InputError as error:
                said.append(f"{key} of attribution maps: {error}")
        return content | {"warnings": said}

    def failed(said: str) -> list[MapAgreement]:
        return [MapAgreement(source.name, kind, task.name, "downstream", warnings=(said,))]

    return _writer(path, made, failed)


def _writer(path: Path, made: Any, failed: Any) -> Any:
    """What makes a file and keeps the reason where that is impossible."""

    def make() -> None:
        empty: dict[str, Any] = {"agreements": [], "patterns": [], "transplants": [], "warnings": []}
        try:
            write_piece(path, empty | made())
        except Exception as error:  # other people's models fail in their own ways, and the others go on
            name = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
            said = f"failed: {name}{error}"
            rows = [_plain(item) for item in failed(said)]
            write_piece(path, empty | {FAILED: True, "agreements": rows, "warnings": [f"attribution maps {said}"]})

    return make


def _agreements(
    source: Source, kind: Kind, task: ProbeTask, chosen: Mapping[str, Maps], maps: Mapping[str, Maps], rows: Any
) -> list[MapAgreement]:
    names = [f"row {n}" for n in rows]
    return [
        MapAgreement(
            source.name,
            kind,
            task.name,
            STAGES[name],
            dict(zip(names, correlations(own, maps[ONE_HOT]).tolist(), strict=True)),
        )
        for name, own in chosen.items()
    ]


def _plain(item: MapAgreement) -> dict[str, Any]:
    return asdict(item)


def _agreement(content: Mapping[str, Any]) -> MapAgreement:
    known = _numbers(content["correlations"])
    own = {"kind": Kind(content["kind"]), "warnings": tuple(content["warnings"]), "correlations": known}
    return MapAgreement(**(dict(content) | own))


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: float("nan") if item is None else item for key, item in row.items()}


class _Letters(nn.Module):
    """The one-hot CNN as a model of one-hot sequences ``(batch, 4, length)``."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.module(x, torch.ones(len(x), x.shape[-1], dtype=torch.bool, device=x.device))
        return found


def _comparable(task: ProbeTask) -> bool:
    lengths = {len(text) for part in task.inputs for text in part}
    return len(task.inputs) == 1 and len(lengths) == 1


def _texts(task: ProbeTask) -> list[str]:
    return [task.inputs[0][row] for row in task.scored]


def _name(source: Source, task: ProbeTask, plan: Plan) -> str:
    """By everything that decides the maps of a source, and those they are compared with."""
    sizes, training = heads(plan, task).of("cnn", task)
    how = [None if one is None else asdict(one) for one in (sizes, training)]
    identity = [source.fingerprint, task.fingerprint, how, plan.seeds[0], plan.maps]
    return named(source.name, task.name, identity=json.loads(json.dumps(identity)))


def _tensors(path: Path) -> Path:
    return path.with_suffix(".safetensors")


def _stored_cnn(path: Path, task: ProbeTask) -> Cnn:
    from safetensors.torch import load_file

    module = Cnn(4, len(task.inputs[0][0]), task.outputs, CNNS[task.cnn])
    stored = load_file(path)
    module.load_state_dict(
        {name.removeprefix(WEIGHTS): tensor for name, tensor in stored.items() if name.startswith(WEIGHTS)}
    )
    return module.eval()


def _cnn(source: Source, task: ProbeTask, plan: Plan, cache: Cache) -> tuple[Cnn, Any, int]:
    """The CNN on all tokens of a source, of the first seed, on the CPU, where embeddings are."""
    features = TaskFeatures(source, task, cache)
    train, valid = task.split("train"), task.split("valid")
    _, training = heads(plan, task).of("cnn", task)
    readout = fit_readout(
        "cnn",
        task,
        (features.of("full", train), task.labels[train]),
        (features.of("full", valid), task.labels[valid]),
        seed=plan.seeds[0],
        config=CNNS[task.cnn],
        training=training,
        tokens=features.tokens,
        align=task.align,
        device=device(),
    )
    module = getattr(readout, "module", None)
    if not isinstance(module, Cnn):
        raise InputError(f"{source.name}: gives no tokens that a CNN could read.")
    return module.cpu().eval(), readout, features.tokens
