"""Folders as the model hub has them: our own reader, AutoModel and the tokenizer agree; nothing foreign is run."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from palindra.errors import InputError
from palindra.models.caduceus import save_caduceus
from palindra.models.strand_lm import StrandLM, hub
from palindra.models.strand_lm.hub import from_pretrained, push_to_hub, save_pretrained
from palindra.models.strand_lm.saving import load
from palindra.sequences.vocabulary import VOCABULARY

needs_transformers = pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="optional package")

FILES = {
    "config.json",
    "model.safetensors",
    "modeling_palindra.py",
    "tokenization_palindra.py",
    "tokenizer_config.json",
}


@pytest.fixture(params=["tied", "untied"])
def saved(request: pytest.FixtureRequest, make, tmp_path: Path) -> tuple[StrandLM, Path]:
    model = make(request.param)
    return model, save_pretrained(model, tmp_path / "saved", extra={"data": {"genome": "yeast"}})


def test_a_folder_is_read_back(saved: tuple[StrandLM, Path], tokens: Tensor):
    model, folder = saved
    assert {path.name for path in folder.iterdir()} == FILES
    for loaded in (from_pretrained(folder), load(folder)[0]):
        assert torch.equal(loaded(tokens).logits, model(tokens).logits)
    config = json.loads((folder / "config.json").read_text())
    assert config["data"] == {"genome": "yeast"}
    assert config["vocabulary"] == str(VOCABULARY)


def test_a_checkpoint_of_caduceus_is_read_too(make, tmp_path: Path, tokens: Tensor):
    model = make("Caduceus-Ph")
    save_caduceus(tmp_path, model.caduceus)
    assert torch.equal(from_pretrained(tmp_path)(tokens).logits, model(tokens).logits)


@pytest.fixture
def transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package with its cache of modules in a folder of the test, and its own warnings let through."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import transformers as package
    from transformers import dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    return package


@needs_transformers
@pytest.mark.filterwarnings("ignore")
def test_automodel_gives_the_same_numbers(saved: tuple[StrandLM, Path], tokens: Tensor, transformers: Any):
    model, folder = saved
    config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=True)
    assert config.hidden_size == model.config.width
    mask = torch.ones_like(tokens)
    mask[1, 10:] = 0
    tokens = torch.where(mask.bool(), tokens, VOCABULARY.padding)
    expected = model(tokens, mask.bool())

    body = transformers.AutoModel.from_pretrained(folder, trust_remote_code=True)
    assert torch.equal(body(input_ids=tokens, attention_mask=mask).last_hidden_state, expected.hidden)
    masked = transformers.AutoModelForMaskedLM.from_pretrained(folder, trust_remote_code=True)
    labels = torch.where(tokens < 4, tokens, -100)
    found = masked(input_ids=tokens, attention_mask=mask, labels=labels)
    assert torch.equal(found.logits, expected.logits)
    chosen = expected.logits.log_softmax(-1)[labels >= 0].gather(1, labels[labels >= 0][:, None])
    torch.testing.assert_close(found.loss, -chosen.mean())


@needs_transformers
@pytest.mark.filterwarnings("ignore")
def test_what_transformers_saves_is_read_by_both(saved: tuple[StrandLM, Path], tokens: Tensor, transformers: Any):
    model, folder = saved
    masked = transformers.AutoModelForMaskedLM.from_pretrained(folder, trust_remote_code=True)
    again = folder.with_name("again")
    masked.save_pretrained(again)
    assert torch.equal(from_pretrained(again)(tokens).logits, model(tokens).logits)
    body = transformers.AutoModel.from_pretrained(again, trust_remote_code=True)
    assert torch.equal(body(tokens).last_hidden_state, model(tokens).hidden)


@needs_transformers
@pytest.mark.filterwarnings("ignore")
def test_the_tokenizer_has_the_vocabulary_and_its_complements(saved: tuple[StrandLM, Path], transformers: Any):
    _, folder = saved
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    assert tokenizer.get_vocab() == {symbol: number for number, symbol in enumerate(VOCABULARY.symbols)}
    assert len(tokenizer) == len(VOCABULARY)
    text = "ACGTNRacg"
    ids = tokenizer(text)["input_ids"]
    assert ids == VOCABULARY.encode(text).tolist()
    assert tokenizer.decode(ids) == "ACGTNNACG"
    assert tokenizer.decode([0, 4, 5, 3]) == "AN[MASK]T"
    assert tokenizer("AC[MASK]T")["input_ids"] == [0, 1, VOCABULARY.mask, 3]
    assert tokenizer.mask_token_id == VOCABULARY.mask
    assert tokenizer.pad_token_id == VOCABULARY.padding
    assert tokenizer.complement["A"] == "T"
    assert tokenizer.complement["[MASK]"] == "[MASK]"
    assert tokenizer.reverse_complement(ids) == VOCABULARY.reverse_complement(VOCABULARY.encode(text)).tolist()
    batch = tokenizer(["ACG", "A"], padding=True, return_tensors="pt")
    assert batch["input_ids"].tolist() == [[0, 1, 2], [0, 6, 6]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]

    again = folder.with_name("tokenizer")
    tokenizer.save_pretrained(again)
    assert json.loads((again / "tokenizer_config.json").read_text())["complement"]["C"] == "G"


@needs_transformers
def test_unknown_letters_and_other_tables_are_refused():
    from palindra.models.strand_lm.tokenizer import COMPLEMENTS, StrandTokenizer

    tokenizer = StrandTokenizer()
    for text in ("ACXG", "AC GT", "ACGU"):
        with pytest.raises(InputError, match="is not DNA"):
            tokenizer(text)
    with pytest.raises(InputError, match="belongs to another model"):
        StrandTokenizer(complement=COMPLEMENTS | {"A": "A"})
    with pytest.raises(InputError, match="no token to part"):
        tokenizer("ACG", "ACG")


def test_folders_of_another_vocabulary_or_architecture_are_refused(saved: tuple[StrandLM, Path]):
    _, folder = saved
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"vocabulary": "A C G T"}))
    with pytest.raises(InputError, match="vocabulary 'A C G T'"):
        from_pretrained(folder)
    path.write_text(json.dumps(config | {"model": "bert", "model_type": "bert"}))
    with pytest.raises(InputError, match="another architecture"):
        from_pretrained(folder)
    with pytest.raises(InputError, match="no such folder, and no name"):
        from_pretrained("nowhere")


class FakeHub:
    """What of huggingface_hub is used, with a folder instead of a network."""

    def __init__(self, store: Path) -> None:
        self.store, self.made = store, []
        self.errors = SimpleNamespace(HfHubHTTPError=ConnectionError, LocalEntryNotFoundError=FileNotFoundError)

    def HfApi(self) -> FakeHub:
        return self

    def create_repo(self, name: str, *, private: bool, exist_ok: bool) -> None:
        self.made.append((name, private, exist_ok))

    def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> str:
        target = self.store / repo_id
        target.mkdir(parents=True)
        for path in Path(folder_path).iterdir():
            (target / path.name).write_bytes(path.read_bytes())
        return f"https://hub/{repo_id}"

    def snapshot_download(self, name: str, *, revision: Any, cache_dir: Any, allow_patterns: list[str]) -> str:
        self.patterns = allow_patterns
        if not (self.store / name).is_dir():
            raise ConnectionError("404\nmore")
        return str(self.store / name)


def test_the_hub_gets_and_gives_a_folder(make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokens: Tensor):
    fake, model = FakeHub(tmp_path), make("tied")
    monkeypatch.setattr(hub, "_hub", lambda: fake)
    assert push_to_hub(model, "someone/strands", private=True) == "https://hub/someone/strands"
    assert fake.made == [("someone/strands", True, True)]
    assert {path.name for path in (tmp_path / "someone/strands").iterdir()} == FILES
    assert torch.equal(from_pretrained("someone/strands")(tokens).logits, model(tokens).logits)
    assert not any(pattern.endswith("py") for pattern in fake.patterns)
    with pytest.raises(InputError, match="someone/else: cannot be downloaded: 404 Check the name"):
        from_pretrained("someone/else")
