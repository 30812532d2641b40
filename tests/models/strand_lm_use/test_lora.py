"""Updates of low rank: nothing changes at the beginning, only they learn, and merging keeps the function."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from palindra.models.strand_lm.lora import add_lora, load_lora_state, lora_state, merge_lora
from palindra.sequences.vocabulary import VOCABULARY


def trained(model: nn.Module, tokens: Tensor, steps: int = 3) -> None:
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        model(tokens).logits.square().mean().backward()
        optimizer.step()


def test_from_the_first_output_to_the_merged_model(model: nn.Module, tokens: Tensor):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    given = model(tokens).logits.detach()
    names = add_lora(model, rank=2)
    assert names
    torch.testing.assert_close(model(tokens).logits, given, rtol=0, atol=0)
    assert {name.rpartition(".")[2] for name, p in model.named_parameters() if p.requires_grad} == {"up", "down"}

    trained(model, tokens)
    learned = model(tokens).logits.detach()
    assert (learned - given).abs().max() > 1e-3
    assert sorted(merge_lora(model)) == sorted(names)
    torch.testing.assert_close(model(tokens).logits, learned, rtol=1e-4, atol=1e-4)
    after = model.state_dict()
    assert sorted(after) == sorted(before)  # their order may change, their names do not
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert changed <= {f"{name}.weight" for name, _ in model.named_modules(remove_duplicate=False)}
    assert all(p.requires_grad for p in model.parameters())
    for name in names:
        difference = after[f"{name}.weight"] - before[f"{name}.weight"]
        assert int(torch.linalg.matrix_rank(difference.double(), rtol=1e-4)) <= 2


def test_the_symmetry_stays(make, tokens: Tensor):
    model = make("tied")
    add_lora(model, rank=1)
    trained(model, tokens)
    other = model(VOCABULARY.reverse_complement(tokens)).logits.flip(1, 2)
    torch.testing.assert_close(other, model(tokens).logits, rtol=1e-4, atol=1e-5)


def test_updates_alone_are_kept_and_put_back(make, tokens: Tensor):
    one, two, three = (make("tied") for _ in range(3))
    add_lora(one, rank=2)
    trained(one, tokens)
    state = lora_state(one)
    add_lora(two, rank=2)
    load_lora_state(two, state)
    torch.testing.assert_close(two(tokens).logits, one(tokens).logits, rtol=0, atol=0)
    add_lora(three, rank=1)
    with pytest.raises(ValueError, match="the updates do not fit"):
        load_lora_state(three, state)


def test_chosen_maps_alone_learn():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5))
    assert add_lora(model, rank=1, where=lambda name: name == "1") == ["1"]
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 9
    with pytest.raises(ValueError, match="no linear map"):
        add_lora(nn.Sequential(nn.Conv1d(3, 4, 1)))
    with pytest.raises(ValueError, match="rank 0"):
        add_lora(model, rank=0)


@pytest.mark.filterwarnings("ignore")
def test_peft_says_the_same():
    peft = pytest.importorskip("peft")
    torch.manual_seed(0)
    own, x = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)), torch.randn(4, 3)
    theirs = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
    theirs.load_state_dict(own.state_dict())
    theirs = peft.get_peft_model(theirs, peft.LoraConfig(r=2, lora_alpha=6, target_modules=["0", "2"]))
    add_lora(own, rank=2, alpha=6)
    with torch.no_grad():
        for name in ("0", "2"):
            update, layer = own[int(name)].parametrizations.weight[0], theirs.base_model.model[int(name)]
            nn.init.normal_(update.up)
            layer.lora_A["default"].weight.copy_(update.down)
            layer.lora_B["default"].weight.copy_(update.up)
    torch.testing.assert_close(theirs(x), own(x))
    merge_lora(own)
    torch.testing.assert_close(theirs.merge_and_unload()(x), own(x))
