"""Models of transformers as sources: tokens, layers, lengths, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from palindra.errors import InputError
from palindra.probing.source import Source
from palindra.probing.sources import LanguageSource, at_bases, at_layer, layers_of, open_source
from palindra.probing.sources.bases import token_rows

TEXTS = ["ACGTTGCANGATTACAGG", "ggguuuacaaac", "CCATTAGGACCATTGACATTACCCAGGA", "GGATTTACACAC"]
MODELS = ["hf_bert", "hf_kmer", "hf_bpe", "hf_gpt", "hf_mamba"]


@pytest.fixture(params=MODELS)
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def test_tokens_cover_every_base_once(folder: Path):
    found = open_source(f"hf:{folder}").embed(TEXTS)
    for text, (_, spans) in zip(TEXTS, token_rows(found), strict=True):
        edges = [*spans[:, 0].tolist(), len(text)]
        assert edges[0] == 0
        assert spans[:, 1].tolist() == edges[1:]
    assert ((found.features == 0).all(-1) == ~found.mask).all()


def test_a_batch_equals_one_at_a_time(folder: Path):
    source = open_source(f"hf:{folder}")
    together = source.embed(TEXTS)
    for row, text in enumerate(TEXTS):
        alone = source.embed([text])
        tokens = alone.features.shape[1]
        torch.testing.assert_close(together.features[row, :tokens], alone.features[0])
        assert torch.equal(together.spans[row, :tokens], alone.spans[0])
        if together.cls is not None and alone.cls is not None:
            torch.testing.assert_close(together.cls[row], alone.cls[0])


def test_case_and_u_change_nothing(folder: Path):
    source = open_source(f"hf:{folder}")
    given, other = source.embed(["ACGTTGCATTAC"]), source.embed(["acguugcauuac"])
    assert torch.equal(given.features, other.features)


def test_features_are_the_hidden_states_of_the_model(folder: Path):
    from transformers import AutoModel, AutoTokenizer

    source = open_source(f"hf:{folder}")
    assert isinstance(source, Source)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    with torch.no_grad():
        states = model(**tokenizer(TEXTS[0], return_tensors="pt"), output_hidden_states=True).hidden_states
    assert layers_of(source) == list(range(len(states)))
    for layer, expected in enumerate(states):
        found = at_layer(source, layer).embed(TEXTS[:1])
        first = 0 if folder.name == "mamba" else 1
        torch.testing.assert_close(found.features[0], expected[0, first : first + found.features.shape[1]])
        if folder.name in ("bert", "kmer", "bpe"):
            torch.testing.assert_close(found.cls, expected[:, 0])
        else:
            assert found.cls is None


def test_tokens_of_several_letters_are_those_of_the_tokenizer(hf_kmer: Path, hf_bpe: Path):
    spans = open_source(f"hf:{hf_kmer}").embed(["ACGTACNGGGTTTA"]).spans[0]
    assert spans.tolist() == [[0, 6], [6, 7], [7, 13], [13, 14]]
    source = open_source(f"hf:{hf_bpe}")
    found = source.embed(["ACGTNNGATTACA"])
    assert found.features.shape[1] < 13
    assert [4, 5] in found.spans[0].tolist()  # unknown letters have tokens of their own
    assert at_bases(found, 13).shape == (1, 13, 16)


def test_layers_by_number_and_from_the_end(hf_bert: Path):
    one = open_source(f"hf:{hf_bert}", layer=1).embed(TEXTS)
    other = open_source(f"hf:{hf_bert}", layer=-2).embed(TEXTS)
    assert torch.equal(one.features, other.features)
    assert not torch.equal(one.features, open_source(f"hf:{hf_bert}").embed(TEXTS).features)
    with pytest.raises(InputError, match=r"has no layer 3; there are 0 to 2"):
        open_source(f"hf:{hf_bert}", layer=3)


def test_fingerprint_is_of_content_not_of_place(hf_bert: Path, hf_gpt: Path, tmp_path: Path):
    copied = shutil.copytree(hf_bert, tmp_path / "elsewhere")
    source = open_source(f"hf:{hf_bert}")
    assert source.fingerprint == open_source(f"hf:{copied}").fingerprint
    others = [
        open_source(f"hf:{hf_gpt}"),
        open_source(f"hf:{hf_bert}", layer=1),
        open_source(f"hf:{hf_bert}", max_length="tile"),
        open_source(f"hf-random:{hf_bert}"),
        open_source(f"hf-random:{hf_bert}", seed=2),  # 1 drew the weights that are saved
    ]
    assert len({source.fingerprint, *(other.fingerprint for other in others)}) == 6


def test_a_random_model_differs_and_repeats(hf_bert: Path):
    texts = TEXTS[:1]
    trained, drawn = open_source(f"hf:{hf_bert}"), open_source(f"hf-random:{hf_bert}")
    assert drawn.parameters == trained.parameters > 1000
    assert not torch.allclose(drawn.embed(texts).features, trained.embed(texts).features)
    again = open_source(f"hf-random:{hf_bert}").embed(texts)
    assert torch.equal(drawn.embed(texts).features, again.features)


def test_the_global_generator_is_left_alone(hf_bert: Path):
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    open_source(f"hf-random:{hf_bert}")
    assert torch.equal(torch.rand(2), expected)


LONG = "ACGTTGCAAGATTACAGGCCATTAGG" * 7  # 182 letters


def test_long_sequences_are_refused_or_tiled(hf_bert: Path, hf_gpt: Path):
    for place in (hf_bert, hf_gpt):
        with pytest.raises(InputError, match=r"sequence 2 .*182 letters\): .* reads 128 tokens .*tile"):
            open_source(f"hf:{place}").embed(["ACGT", LONG])
        found = open_source(f"hf:{place}", max_length="tile").embed(["ACGT", LONG])
        assert found.mask.sum(1).tolist() == [4, 182]
    assert found.cls is None


def test_a_model_of_few_positions_opens_and_reads_what_fits(hf_short: Path):
    assert open_source(f"hf:{hf_short}").embed(["ACGTTG"]).features.shape == (1, 6, 16)
    with pytest.raises(InputError, match="reads 8 tokens"):
        open_source(f"hf:{hf_short}").embed(["ACGTTGC"])


def test_the_longest_length_is_read_in_one_piece(hf_bert: Path, hf_kmer: Path):
    assert open_source(f"hf:{hf_bert}").embed([LONG[:126]]).features.shape[1] == 126
    with pytest.raises(InputError, match="reads 128 tokens"):
        open_source(f"hf:{hf_bert}").embed([LONG[:127]])
    limit = 64  # of 66 positions, two lie before the first token
    long = (LONG * 3)[: (limit - 1) * 6]
    assert open_source(f"hf:{hf_kmer}").embed([long]).features.shape[1] == limit - 1
    with pytest.raises(InputError, match="reads 64 tokens"):
        open_source(f"hf:{hf_kmer}").embed([long + "A"])


def test_tiles_equal_the_whole_where_features_are_local(hf_bert: Path):
    whole, tiled = (open_source(f"hf:{hf_bert}", layer=0, max_length="tile") for _ in range(2))
    tiled.limit, text = 50, LONG[:120]
    for source in (whole, tiled):  # letters alone
        source.model.bert.embeddings.position_embeddings.weight.data.zero_()
    torch.testing.assert_close(tiled.embed([text]).features, whole.embed([text]).features)
    assert not torch.allclose(at_layer(tiled, 2).embed([text]).features, at_layer(whole, 2).embed([text]).features)


@pytest.mark.parametrize("name", ["hf_kmer", "hf_bpe", "hf_bert"])
def test_tiles_are_the_same_on_both_strands(name: str, request: pytest.FixtureRequest):
    source = open_source(f"hf:{request.getfixturevalue(name)}", max_length="tile", strands="averaged")
    text = (LONG * 3)[:400]
    found = source.embed([text])
    assert found.mask.sum(1).tolist() == [400]
    from palindra.sequences import reverse_complement

    other = source.embed([reverse_complement(text)])
    assert torch.equal(found.features, other.features.flip(1))
    inner = source.source
    assert inner._tile(text) == inner._tile(reverse_complement(text))


def test_nan_is_refused_with_sequence_and_layer(hf_bert: Path, tmp_path: Path):
    source = open_source(f"hf:{hf_bert}")
    source.model.bert.encoder.layer[0].output.dense.bias.data[3] = torch.nan
    with pytest.raises(InputError, match=r"sequence 1 \(ACGTTGCANGAT..., 18 letters\): layer 1 of hf:.* no finite"):
        source.embed(TEXTS)
    assert at_layer(source, 0).embed(TEXTS).features.isfinite().all()


def test_nan_of_one_sequence_is_named(hf_bert: Path):
    source = open_source(f"hf:{hf_bert}")
    source.model.bert.embeddings.word_embeddings.weight.data[9] = torch.inf  # N
    with pytest.raises(InputError, match=r"sequence 2 \(ACGN, 4 letters\): layer 0"):
        source.embed(["ACGT", "ACGN"])


def test_missing_weights_are_refused(hf_bert: Path, tmp_path: Path):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(hf_bert, tmp_path / "torn")
    weights = load_file(folder / "model.safetensors")
    weights = {name: tensor for name, tensor in weights.items() if "layer.1.attention.self" not in name}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"6 weights are missing .*bert.encoder.layer.1.attention"):
        open_source(f"hf:{folder}")


def test_an_encoder_without_its_head_is_no_language_model(hf_bert: Path, tmp_path: Path):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(hf_bert, tmp_path / "headless")
    weights = {k: v for k, v in load_file(folder / "model.safetensors").items() if not k.startswith("cls.")}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    source = open_source(f"hf:{folder}")
    assert not isinstance(source, LanguageSource)
    torch.testing.assert_close(source.embed(TEXTS).features, open_source(f"hf:{hf_bert}").embed(TEXTS).features)


def test_remote_code_needs_trust(hf_bert: Path, tmp_path: Path):
    folder = shutil.copytree(hf_bert, tmp_path / "code")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForMaskedLM": "modeling_mine.Mine"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "modeling_mine.py").write_text(
        "from transformers import BertConfig, BertForMaskedLM\n\n\n"
        "class Mine(BertForMaskedLM):\n    config_class = BertConfig\n"
    )
    with pytest.raises(InputError, match=r"brings its own code.*trust_remote_code"):
        open_source(f"hf:{folder}")


def test_damaged_folders_are_refused(hf_bert: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"config\.json is missing"):
        open_source(f"hf:{tmp_path / 'empty'}")
    folder = shutil.copytree(hf_bert, tmp_path / "cut")
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot read a model"):
        open_source(f"hf:{folder}")
    with pytest.raises(InputError, match="no such folder"):
        open_source(f"hf:{tmp_path / 'nothing'}")
