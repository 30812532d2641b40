"""Checkpoints of Caduceus: published names, both file formats, and clear words about everything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from palindra.errors import InputError
from palindra.models.caduceus import Caduceus, CaduceusConfig, load_caduceus, save_caduceus
from palindra.models.caduceus.loading import to_published

KINDS = {
    "PS": CaduceusConfig(width=4, depth=2, state_size=2),
    "PS, not fused": CaduceusConfig(width=4, depth=2, state_size=2, swapped=False),
    "Ph": CaduceusConfig(width=4, depth=2, state_size=2, equivariant=False, swapped=False),
}
MAMBA = ("A_log", "D", "in_proj.weight", "conv1d.weight", "conv1d.bias", "x_proj.weight", "dt_proj.weight")
MAMBA += ("dt_proj.bias", "out_proj.weight")


def model(config: CaduceusConfig) -> Caduceus:
    torch.manual_seed(1)
    found = Caduceus(config).eval()
    torch.nn.init.normal_(found.embeddings.weight)
    return found


def same(one: Caduceus, two: Caduceus) -> bool:
    ids = torch.tensor([[7, 8, 9, 10, 11, 3, 7, 7, 9]])
    with torch.no_grad():
        return torch.equal(one(ids).logits, two(ids).logits)


def as_published(config: CaduceusConfig, found: Caduceus) -> dict[str, torch.Tensor]:
    """All tensors of a checkpoint as the published code writes them: tied ones twice, heads and tables too."""
    wrapped = "submodule." if config.equivariant else ""
    norm = "submodule." if config.equivariant and not config.swapped else ""
    own, tensors = found.state_dict(), {}
    for layer in range(config.depth):
        for side in ("fwd", "rev"):
            for name in MAMBA:
                shared = "fwd" if name.startswith(("in_proj", "out_proj")) else side
                value = own[f"layers.{layer}.mixer.mamba_{shared}.{name}"].clone()
                tensors[f"caduceus.backbone.layers.{layer}.mixer.{wrapped}mamba_{side}.{name}"] = value
        tensors[f"caduceus.backbone.layers.{layer}.norm.{norm}weight"] = own[f"layers.{layer}.norm.weight"]
    tensors[f"caduceus.backbone.norm_f.{norm}weight"] = own["norm_f.weight"]
    table = own["embeddings.weight"]
    if config.equivariant:
        tensors["caduceus.backbone.embeddings.word_embeddings.embedding.weight"] = table
        tensors["caduceus.backbone.embeddings.word_embeddings.complement_map"] = found.complement
        tensors["lm_head.lm_head.weight"] = table.clone()
        tensors["lm_head.complement_map"] = found.complement.clone()
    else:
        tensors["caduceus.backbone.embeddings.word_embeddings.weight"] = table
        tensors["lm_head.weight"] = table.clone()
    return tensors


def write(folder: Path, config: CaduceusConfig, **changes: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config.to_published() | changes))
    return folder


@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
def test_a_saved_network_is_read_back(tmp_path: Path, config: CaduceusConfig):
    found = model(config)
    save_caduceus(tmp_path, found)
    loaded = load_caduceus(tmp_path)
    assert loaded.config == config
    assert same(loaded, found)


@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("prefixed", [True, False], ids=["language model", "body alone"])
def test_published_names_in_both_formats(tmp_path: Path, config: CaduceusConfig, prefixed: bool):
    found = model(config)
    tensors = as_published(config, found)
    if not prefixed:  # a checkpoint of the body has neither head nor prefix
        tensors = {n.removeprefix("caduceus."): v for n, v in tensors.items() if not n.startswith("lm_head")}
    write(tmp_path, config)
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    assert same(load_caduceus(tmp_path), found)
    once = {n: v.contiguous() for n, v in tensors.items() if "mamba_rev.in_proj" not in n and "rev.out_proj" not in n}
    save_file(once, tmp_path / "model.safetensors")  # tied weights are written once there
    assert same(load_caduceus(tmp_path), found)


def test_writing_and_published_names_agree():
    config = KINDS["PS"]
    found = model(config)
    names = {n for n in as_published(config, found) if "complement_map" not in n and not n.startswith("lm_head")}
    assert set(to_published(found)) == {n for n in names if ".mamba_rev.in_proj" not in n and "rev.out_proj" not in n}


def test_the_order_of_the_complement_table_does_not_matter(tmp_path: Path):
    config = KINDS["PS"]
    save_caduceus(tmp_path, model(config))
    shuffled = dict(reversed(config.to_published()["complement_map"].items()))
    write(tmp_path, config, complement_map=shuffled)
    assert same(load_caduceus(tmp_path), model(config))


def test_a_vocabulary_of_twelve_is_padded_to_sixteen(tmp_path: Path):
    config = KINDS["PS"]
    save_caduceus(tmp_path, model(config))
    table = {name: other for name, other in config.to_published()["complement_map"].items() if int(name) < 12}
    write(tmp_path, config, vocab_size=12, complement_map=table)
    assert load_caduceus(tmp_path).config == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "hyena"}, "'hyena' and not 'caduceus': the folder holds another architecture"),
        ({"complement_map": {"3": 6, "6": 3}}, "complement of token 3 is 6.*another vocabulary"),
        ({"complement_map": {"40": 40}}, "another vocabulary"),
        ({"vocab_size": 7}, "no configuration of Caduceus"),
        ({"d_model": "wide"}, "no configuration of Caduceus"),
        ({"n_layer": 3}, "layers.2.* is missing.*another architecture"),
        ({"n_layer": 1}, "layers.1.* is no weight of the network"),
        ({"d_model": 5}, "has the shape .* asks for"),
        ({"ssm_cfg": {"d_state": 2, "bias": True}}, "ssm_cfg.bias is True; only False"),
    ],
)
def test_other_configurations_are_refused(tmp_path: Path, changes: dict[str, object], message: str):
    save_caduceus(tmp_path, model(KINDS["PS"]))
    write(tmp_path, KINDS["PS"], **changes)
    with pytest.raises(InputError, match=message):
        load_caduceus(tmp_path)


def test_other_weights_are_refused(tmp_path: Path):
    config = KINDS["PS"]
    folder = write(tmp_path, config)
    with pytest.raises(InputError, match="there are no weights"):
        load_caduceus(folder)
    tensors = as_published(config, model(config))
    for changed, message in (
        ({"lm_head.lm_head.weight": torch.zeros(16, 4)}, "only tied heads"),
        ({"lm_head.complement_map": torch.arange(16)}, "lm_head.complement_map is not that of the vocabulary"),
        (
            {"caduceus.backbone.layers.1.mixer.submodule.mamba_rev.out_proj.weight": torch.zeros(4, 8)},
            "differs from that of mamba_fwd",
        ),
        ({"caduceus.backbone.more": torch.zeros(1)}, "backbone.more is no weight"),
    ):
        torch.save(tensors | changed, folder / "pytorch_model.bin")
        with pytest.raises(InputError, match=message):
            load_caduceus(folder)
    torch.save([1, 2], folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="no table of tensors"):
        load_caduceus(folder)
    torch.save({"a": Path("x")}, folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="could run code"):
        load_caduceus(folder)
    (folder / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read"):
        load_caduceus(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json: cannot be read"):
        load_caduceus(folder)


def test_published_files_round_trip_their_names(tmp_path: Path):
    save_caduceus(tmp_path, model(KINDS["Ph"]))
    names = set(load_file(tmp_path / "model.safetensors"))
    assert "caduceus.backbone.embeddings.word_embeddings.weight" in names
    assert "caduceus.backbone.layers.1.mixer.mamba_rev.A_log" in names
