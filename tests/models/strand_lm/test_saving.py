"""Saved language models come back as they were, and folders of anything else are refused."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from palindra.errors import InputError
from palindra.models.strand_lm import StrandLM, StrandLMConfig
from palindra.models.strand_lm.saving import CONFIG, WEIGHTS, load, save

SIZES = {"width": 8, "depth": 1, "heads": 2, "key_size": 4, "feed_forward": 256 / 48}
TOKENS = torch.tensor([[0, 1, 2, 3, 4, 5, 0, 6]])


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    save(tmp_path / "lm", StrandLM(StrandLMConfig(**SIZES, window=None)), {"data": {"genome": "a.fa"}})
    return tmp_path / "lm"


@pytest.mark.parametrize("changes", [{}, {"mixer": "untied", "published": True, "block": 4, "alternating": True}])
def test_a_model_comes_back(tmp_path, changes):
    torch.manual_seed(0)
    model = StrandLM(StrandLMConfig(**SIZES, **changes)).eval()
    save(tmp_path, model)
    again, meta = load(tmp_path)
    assert again.config == model.config
    assert not again.training
    assert torch.equal(again(TOKENS).logits, model(TOKENS).logits)
    assert (meta["model"], meta["vocabulary"]) == ("strand_lm", "A C G T N [MASK] [PAD]")
    assert sorted(path.name for path in tmp_path.iterdir()) == [CONFIG, WEIGHTS]


def test_further_entries_come_back(folder):
    model, meta = load(folder)
    assert model.config.window is None
    assert meta["data"] == {"genome": "a.fa"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "hyena"}, "describes a model of kind 'hyena'.* another architecture"),
        ({"vocabulary": "A C G T N"}, "has the vocabulary 'A C G T N', and this library"),
        ({"config": [1]}, "another architecture"),
        ({"config": {"depth": 1, "shape": 2}}, "'shape' unknown to palindra"),
        ({"config": {**SIZES, "mixer": "mixed"}}, "mixer = 'mixed' is given"),
        ({"config": {**SIZES, "width": "8"}}, CONFIG),
        ({"config": {**SIZES, "width": 16}}, "weights of another model: encoder.* has shape"),
        ({"config": {**SIZES, "bridge": False}}, "does not exist"),
    ],
)
def test_other_models_are_refused(folder, changes, message):
    described = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(described | changes))
    with pytest.raises(InputError, match=message):
        load(folder)


def test_missing_and_damaged_files_are_told(folder, tmp_path):
    with pytest.raises(InputError, match=r"nowhere.*cannot be read .*palindra pretrain"):
        load(tmp_path / "nowhere")
    weights = load_file(folder / WEIGHTS)
    weights.pop("head.readout.bias")
    save_file(weights, folder / WEIGHTS)
    with pytest.raises(InputError, match=r"head.readout.bias has shape none, it is missing"):
        load(folder)
    (folder / WEIGHTS).write_bytes(b"no weights")
    with pytest.raises(InputError, match="cannot be read"):
        load(folder)
    (folder / CONFIG).write_text("{")
    with pytest.raises(InputError, match="is not JSON"):
        load(folder)
