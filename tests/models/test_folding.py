"""From sequences to pair probabilities: features of stems, corrections, files, and the energies behind them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from palindra.data.rna import PARAMETERS, energy_parameters, minimum_free_energy, pairing_probabilities
from palindra.errors import InputError
from palindra.models.folding import SHIPPED, Folder, correct, load_folder, save_folder
from palindra.models.stem_features import feature_names, stem_rows
from palindra.models.stem_net import StemNet, StemNetConfig

TRNA = "GGGCGAUUAGCUCAGUUGGGAGAGCGCCAGACUGAAGAUCUGGAGGUCCUGUGUUCGAUCCACAGAAUUCGCACCA"
ENERGIES = {"turner2004": -23.5, "andronescu2007": -22.69, "langdon2018": -26.0}  # of separate processes


def table(length: int, seed: int = 0) -> np.ndarray:
    drawn = np.triu(np.random.default_rng(seed).dirichlet(np.full(length, 0.2), length), 4)
    return (drawn + drawn.T) / 2


def trained(parameters: tuple[str, ...] = ("turner2004",), seed: int = 0) -> StemNet:
    torch.manual_seed(seed)
    net = StemNet(StemNetConfig(parameters))
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return net.eval()


def test_features_by_hand() -> None:
    sequence = "GGCAAAAGUC"  # stems 0-9 (GC), 1-8 (GU), 2-7 (CG)
    given = np.zeros((10, 10))
    for i, j, p in ((0, 9, 0.5), (1, 8, 0.8), (2, 7, 0.9), (1, 9, 0.25)):
        given[i, j] = given[j, i] = p
    rows = stem_rows(sequence, [given])
    assert list(zip(rows.first.tolist(), rows.second.tolist(), strict=True)) == [(0, 9), (1, 8), (1, 9), (2, 7)]
    about = dict(zip(feature_names(1), rows.features[1].tolist(), strict=True))
    assert rows.prior[1] == pytest.approx(np.log(0.8 / 0.2), abs=1e-5)
    assert about["logit -1"] == pytest.approx(0, abs=1e-6)
    assert about["logit +1"] == pytest.approx(np.log(9), abs=1e-5)
    assert about["logit +2"] == pytest.approx(np.log(1e-3 / 0.999), abs=1e-4)
    assert (about["GU +0"], about["GC +0"], about["GC -1"], about["GC +1"], about["GC +2"]) == (1, 0, 1, 1, 0)
    assert about["logit (+0, +1)"] == pytest.approx(np.log(0.25 / 0.75), abs=1e-5)
    assert about["unpaired 5'"] == pytest.approx(-0.05, abs=1e-6)
    assert about["rival 5'"] == pytest.approx(0.25)
    assert about["rival 3'"] == 0
    assert about["log distance"] == pytest.approx(np.log(7))


def test_several_energies_are_averaged_as_logits() -> None:
    given = [np.zeros((9, 9)), np.zeros((9, 9))]
    for one, p in zip(given, (0.9, 0.5), strict=True):
        one[0, 8] = one[8, 0] = p
    rows = stem_rows("GGGAAACCC", given)
    assert rows.prior[0] == pytest.approx(np.log(9) / 2, abs=1e-5)
    about = dict(zip(feature_names(2), rows.features[0].tolist(), strict=True))
    assert about["logit of set 2 less the mean"] == pytest.approx(-np.log(9) / 2, abs=1e-5)
    with pytest.raises(ValueError, match=r"maps of shape \(9, 9\) are needed"):
        stem_rows("GGGAAACCC", [np.zeros((8, 8))])


def test_untrained_networks_are_thermodynamics() -> None:
    given = table(30)
    found = correct([StemNet(StemNetConfig())], TRNA[:30], [given])
    np.testing.assert_allclose(found, given, atol=1.001e-3)
    assert (found > 0.01).sum() > 10


def test_corrected_maps_are_symmetric_and_change() -> None:
    given = table(30)
    found = correct([trained(), trained(seed=1)], TRNA[:30], [given])
    assert np.array_equal(found, found.T)
    assert found.dtype == np.float32
    assert not found.diagonal().any()
    assert 0 <= found.min() <= found.max() <= 1
    assert np.abs(found - given).max() > 0.05


def test_molecules_without_likely_pairs() -> None:
    assert not correct([trained()], "AAAAAA", [np.zeros((6, 6))]).any()


def test_round_trip_of_files(tmp_path: Path) -> None:
    nets = [trained(), trained(seed=1)]
    folder = Folder(nets, name="two", threshold=0.3, settings={"training": {"families": ["5S"]}}, longest=40)
    save_folder(folder, tmp_path / "model.safetensors")
    again = load_folder(tmp_path / "model.safetensors")
    assert (again.name, again.threshold, again.longest, again.settings) == ("two", 0.3, 40, folder.settings)
    given = [table(30)]
    assert np.array_equal(correct(again.nets, TRNA[:30], given), correct(nets, TRNA[:30], given))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors", "model.toml"]
    with pytest.raises(InputError, match="two folds up to 40 bases, but the sequence has 76"):
        again.probabilities(TRNA)


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_folder(tmp_path / "none.safetensors")
    for name, config in (("one", StemNetConfig()), ("two", StemNetConfig(hidden=3))):
        folder = Folder([StemNet(config)], name=name, threshold=0.5, settings={})
        save_folder(folder, tmp_path / f"{name}.safetensors")
    (tmp_path / "two.toml").replace(tmp_path / "one.toml")
    with pytest.raises(InputError, match="do not belong together"):
        load_folder(tmp_path / "one.safetensors")
    (tmp_path / "one.toml").write_text("format = 9\n")
    with pytest.raises(InputError, match="format 9 is not one this version reads"):
        load_folder(tmp_path / "one.safetensors")


def test_letters_that_are_not_rna() -> None:
    folder = Folder([trained()], name="one", threshold=0.5, settings={})
    with pytest.raises(InputError, match="sequence"):
        folder.probabilities("GGXQ1")


def test_energies_hold_inside_their_block_only() -> None:
    pytest.importorskip("RNA")
    before = pairing_probabilities(TRNA)
    for name, energy in ENERGIES.items():
        assert minimum_free_energy(TRNA, parameters=name).energy == pytest.approx(energy, abs=0.01)
    other = pairing_probabilities(TRNA, parameters="langdon2018")
    assert other.energy == pytest.approx(-26.50, abs=0.01)
    assert np.abs(other.pairs - before.pairs).max() > 0.1
    with energy_parameters("andronescu2007"):
        assert minimum_free_energy(TRNA).energy == pytest.approx(-22.69, abs=0.01)
    with pytest.raises(InputError), energy_parameters("andronescu2007"):
        minimum_free_energy("GGXQ1")
    after = pairing_probabilities(TRNA)
    assert np.array_equal(after.pairs, before.pairs)
    with pytest.raises(ValueError, match=f"the sets of energies are {', '.join(PARAMETERS)}"):
        pairing_probabilities(TRNA, parameters="turner")


def test_the_model_of_the_package() -> None:
    pytest.importorskip("RNA")
    assert SHIPPED.stat().st_size < 1_000_000
    folder = load_folder()
    found = folder.probabilities(TRNA)
    assert found.shape == (76, 76)
    assert found.dtype == np.float32
    assert np.array_equal(found, found.T)
    stem = [(48 + k, 64 - k) for k in range(5)]  # of the T arm of this tRNA
    assert min(found[i, j] for i, j in stem) > folder.threshold
    assert np.array_equal(folder.probabilities(TRNA.lower().replace("u", "t")), found)
