"""Caduceus: published sizes, equivariance, and agreement with the formulas written out position by position."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from palindra.models.caduceus import TOKENS, Caduceus, CaduceusConfig, CaduceusLanguageModel, complement_table
from palindra.sequences.vocabulary import VOCABULARY

LENGTHS = (1, 2, 7, 12)


def network(dtype: torch.dtype = torch.float64, seed: int = 0, **changes: object) -> Caduceus:
    """A small network with weights of size one, so that no part of it is hidden by small numbers."""
    options = {"width": 6, "depth": 3, "state_size": 3, "conv_width": 4, "time_rank": 2, **changes}
    torch.manual_seed(seed)
    model = Caduceus(CaduceusConfig(**options))  # type: ignore[arg-type]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "A_log" not in name:
                parameter.copy_(torch.randn_like(parameter) * (0.5 if parameter.dim() > 1 else 1.0))
    return model.to(dtype).eval()


def tokens(length: int, rows: int = 3) -> Tensor:
    """Every kind of token, also special ones and N."""
    generator = torch.Generator().manual_seed(length)
    return torch.randint(0, len(TOKENS), (rows, length), generator=generator)


def other_strand(ids: Tensor) -> Tensor:
    return torch.tensor(complement_table(16))[ids].flip(1)


def reference_mamba(layer: torch.nn.Module, x: Tensor) -> Tensor:
    """One direction for one sequence ``(length, width)``, one position and one channel state after the other."""
    weights = dict(layer.named_parameters())
    for shared in ("in_proj", "out_proj"):
        weights[f"{shared}.weight"] = getattr(layer, shared).weight
    inner = weights["D"].numel()
    both = x @ weights["in_proj.weight"].T
    u, gate = both[:, :inner], both[:, inner:]
    taps = weights["conv1d.weight"][:, 0]  # (inner, taps)
    width = taps.shape[1]
    padded = torch.cat([u.new_zeros(width - 1, inner), u])
    u = torch.stack([(padded[t : t + width].T * taps).sum(1) for t in range(len(x))]) + weights["conv1d.bias"]
    u = functional.silu(u)
    rank = weights["dt_proj.weight"].shape[1]
    found = u @ weights["x_proj.weight"].T
    states = (found.shape[1] - rank) // 2
    step = functional.softplus(found[:, :rank] @ weights["dt_proj.weight"].T + weights["dt_proj.bias"])
    b, c = found[:, rank : rank + states], found[:, rank + states :]
    decay = -weights["A_log"].exp()
    state = u.new_zeros(inner, states)
    out = []
    for t in range(len(x)):
        state = (step[t][:, None] * decay).exp() * state + (step[t] * u[t])[:, None] * b[t][None]
        out.append(state @ c[t] + weights["D"] * u[t])
    return (torch.stack(out) * functional.silu(gate)) @ weights["out_proj.weight"].T


def reference(model: Caduceus, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and features in two halves, as the spec of the published model says it, for one sequence."""
    config, comp = model.config, torch.tensor(complement_table(16))
    table = model.embeddings.weight

    def norm(x: Tensor, weight: Tensor) -> Tensor:
        return x / (x.square().mean(-1, keepdim=True) + config.norm_epsilon).sqrt() * weight

    def both_directions(layer: torch.nn.Module, x: Tensor) -> Tensor:
        given = reference_mamba(layer.mamba_fwd, x)  # type: ignore[arg-type]
        if not config.bidirectional:
            return given
        back = reference_mamba(layer.mamba_rev, x.flip(0)).flip(0)  # type: ignore[arg-type]
        return given * back if config.multiply else given + back

    def turn(x: Tensor) -> Tensor:
        return x.flip(0, 1)

    if not config.equivariant:
        x, residual = table[ids], torch.zeros(())
        for layer in model.layers:
            residual = residual + x
            x = both_directions(layer.mixer, norm(residual, layer.norm.weight))  # type: ignore[arg-type]
        hidden = norm(residual + x, model.norm_f.weight)
        return hidden @ table.T, hidden
    first, second = table[ids], turn(table[comp[ids].flip(0)])
    one, two = torch.zeros(()), torch.zeros(())
    for layer in model.layers:
        one, two = one + first, two + second
        if config.swapped:  # the fused path gives each half what the other one had
            one, two = two, one
        weight: Tensor = layer.norm.weight  # type: ignore[assignment, union-attr]
        first = both_directions(layer.mixer, norm(one, weight))  # type: ignore[arg-type]
        second = turn(both_directions(layer.mixer, norm(turn(two), weight)))  # type: ignore[arg-type]
    first = norm(one + first, model.norm_f.weight)
    second = turn(norm(turn(two + second), model.norm_f.weight))
    logits = first @ table.T + second.flip(1) @ table[comp].T
    return logits, torch.cat([first, second], dim=1)


CASES = {
    "PS": {},
    "PS, not swapped": {"swapped": False},
    "PS, even depth": {"depth": 2},
    "PS, multiplied": {"multiply": True},
    "PS, one direction": {"bidirectional": False},
    "PS, untied maps": {"tied_projections": False},
    "Ph": {"equivariant": False, "swapped": False},
}


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
@pytest.mark.parametrize("length", LENGTHS)
def test_the_network_is_what_the_formulas_say(changes: dict[str, object], length: int):
    model, ids = network(**changes), tokens(length)
    found = model(ids)
    for row in range(len(ids)):
        logits, hidden = reference(model, ids[row])
        torch.testing.assert_close(found.logits[row], logits, rtol=1e-9, atol=1e-9)
        width = model.config.width
        torch.testing.assert_close(found.strands[row, 0], hidden[:, :width], rtol=1e-9, atol=1e-9)
        if model.config.equivariant:
            torch.testing.assert_close(found.strands[row, 1], hidden[:, width:].flip(1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("changes", [CASES["PS"], CASES["PS, not swapped"], CASES["PS, even depth"]], ids=str)
def test_ps_is_equivariant_with_n_and_special_tokens(
    changes: dict[str, object], length: int, dtype: torch.dtype, tolerance: float
):
    model, ids = network(dtype, **changes), tokens(length)
    straight, other = model(ids), model(other_strand(ids))
    scale = straight.logits.abs().max()
    complement = list(complement_table(16))
    assert (other.logits.flip(1)[..., complement] - straight.logits).abs().max() <= tolerance * scale
    assert (other.strands.flip(1, 2) - straight.strands).abs().max() <= tolerance * straight.strands.abs().max()


def test_ph_is_not_equivariant_and_the_swap_is_another_function():
    ids = tokens(9)
    ph = network(equivariant=False, swapped=False)
    other = ph(other_strand(ids)).logits.flip(1)[..., list(complement_table(16))]
    assert (other - ph(ids).logits).abs().max() > 0.1
    swapped, plain = network(), network(swapped=False)
    plain.load_state_dict(swapped.state_dict())
    assert (swapped(ids).logits - plain(ids).logits).abs().max() > 0.1


def test_gradients_of_both_strands_are_the_same():
    ids = tokens(6)
    found = []
    for given in (ids, other_strand(ids)):
        model = network()
        model(given).logits.square().sum().backward()
        found.append([p.grad for p in model.parameters()])
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("equivariant", [True, False])
def test_the_published_sizes(equivariant: bool):
    with torch.device("meta"):
        small, large = (
            Caduceus(CaduceusConfig(width=width, depth=depth, equivariant=equivariant, swapped=equivariant))
            for width, depth in ((118, 4), (256, 16))
        )
    assert sum(p.numel() for p in small.parameters()) == 470_702
    assert round(sum(p.numel() for p in large.parameters()) / 1e6, 2) == 7.73


def test_the_complement_table_is_indexed_by_id():
    table = complement_table(16)
    assert [table[other] for other in table] == list(range(16))
    assert {TOKENS[i]: TOKENS[table[i]] for i in range(len(TOKENS)) if table[i] != i} == {
        "A": "T",
        "C": "G",
        "G": "C",
        "T": "A",
    }


@pytest.mark.parametrize("equivariant", [True, False], ids=["PS", "Ph"])
def test_behind_the_common_interface_both_kinds_are_equivariant_with_padding(equivariant: bool):
    model = CaduceusLanguageModel(network(equivariant=equivariant, swapped=equivariant))
    ids = torch.randint(0, 6, (4, 11), generator=torch.Generator().manual_seed(0))
    mask = torch.ones(4, 11, dtype=torch.bool)
    mask[1, 7:], mask[2, :3], mask[3, 10:] = False, False, False
    ids[~mask] = VOCABULARY.padding
    found = model(ids, mask)
    other = model(VOCABULARY.reverse_complement(ids), mask.flip(1))
    torch.testing.assert_close(other.logits.flip(1, 2), found.logits, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(other.hidden.flip(1), found.hidden, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(other.strands.flip(1, 2), found.strands, rtol=1e-10, atol=1e-10)
    alone = model(ids[1:2, :7])
    torch.testing.assert_close(found.logits[1:2, :7], alone.logits, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(found.strands[1:2, :, :7], alone.strands, rtol=1e-10, atol=1e-10)
    assert not found.hidden[~mask].any()


def test_letters_keep_their_meaning_behind_the_common_interface():
    caduceus = network()
    text = "ACGTNACCA"
    own = torch.tensor([[TOKENS.index(letter) for letter in text]])
    ours = torch.from_numpy(VOCABULARY.encode(text)).long()[None]
    logits = caduceus(own).logits[..., [TOKENS.index(letter) for letter in "ACGT"]]
    torch.testing.assert_close(CaduceusLanguageModel(caduceus)(ours).logits, logits)


def test_sizes_that_make_no_network_are_refused():
    with pytest.raises(ValueError, match="sizes must be positive"):
        CaduceusConfig(depth=0)
