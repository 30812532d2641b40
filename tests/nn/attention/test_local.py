"""Attention in windows is full attention with a band, at every length, and never makes a matrix of all pairs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from palindra.nn.attention import full_attention, local, local_attention

LENGTHS = (1, 2, 15, 16, 17, 31, 33, 64, 101)
WINDOWS = (1, 2, 7, 16, 33, 150)


def drawn(length: int, *, rows: int = 2, heads: int = 3, size: int = 5, dtype=torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(length)
    return [torch.randn(rows, heads, length, size, generator=generator, dtype=dtype) for _ in range(3)]


def padded(length: int) -> Tensor:
    return torch.arange(length) < torch.tensor([[length], [(length + 1) // 2]])


def band(length: int, window: int, causal: bool) -> Tensor:
    offset = torch.arange(length) - torch.arange(length)[:, None]
    return (offset.abs() < window) & ((offset <= 0) | (not causal))


def by_hand(q, k, v, *, window, causal=False, mask=None, bias=None):
    """One query at a time, over the keys that it sees."""
    batch, heads, length, size = q.shape
    y = torch.zeros_like(v)
    for row in range(batch):
        real = torch.ones(length, dtype=torch.bool) if mask is None else mask[row]
        for i in range(length):
            seen = [j for j in range(length) if real[i] and real[j] and abs(i - j) < window and not (causal and j > i)]
            for head in range(heads if seen else 0):
                score = k[row, head, seen] @ q[row, head, i] / size**0.5
                if bias is not None:
                    score = score + bias[head, [window - 1 + j - i for j in seen]]
                y[row, head, i] = score.softmax(0) @ v[row, head, seen]
    return y


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("length", "window"), [(5, 3), (23, 20), (40, 7)])
def test_it_is_what_one_query_after_the_other_gives(length, window, causal):
    q, k, v = drawn(length)
    bias = torch.randn(3, 2 * window - 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    options = {"window": window, "causal": causal, "mask": padded(length), "bias": bias}
    torch.testing.assert_close(local_attention(q, k, v, **options), by_hand(q, k, v, **options), rtol=0, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("window", WINDOWS)
def test_it_is_full_attention_with_a_band_at_any_length(window, causal):
    for length in LENGTHS:
        q, k, v = drawn(length)
        seen = band(length, window, causal)
        expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
            given = local_attention(*(x.to(dtype) for x in (q, k, v)), window=window, causal=causal)
            torch.testing.assert_close(given.double(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("causal", [False, True])
def test_a_window_of_the_length_is_full_attention(causal):
    for length in (1, 6, 40):
        q, k, v = drawn(length)
        bias = torch.randn(3, 2 * length - 1, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        options = {"causal": causal, "mask": padded(length), "bias": bias}
        given = local_attention(q, k, v, window=length, **options)
        torch.testing.assert_close(given, full_attention(q, k, v, **options), rtol=0, atol=1e-12)
        bare = local_attention(q, k, v, window=length, causal=causal)
        torch.testing.assert_close(bare, full_attention(q, k, v, causal=causal), rtol=0, atol=1e-12)


def test_gradients_are_those_of_the_band():
    q, k, v = (x.requires_grad_() for x in drawn(37))
    bias = torch.randn(3, 13, dtype=torch.float64, requires_grad=True)
    mask, toward = padded(37), drawn(37)[0].cos()
    offset = torch.arange(37) - torch.arange(37)[:, None]
    score = q @ k.mT / 5**0.5 + bias[:, (offset + 6).clamp(0, 12)]
    score = score.masked_fill(~(band(37, 7, True) & mask[:, None, None]), -1e300)
    expected = score.softmax(-1) @ v * mask[:, None, :, None]
    given = local_attention(q, k, v, window=7, causal=True, mask=mask, bias=bias)
    expected = torch.autograd.grad((expected * toward).sum(), (q, k, v, bias))
    for one, other in zip(torch.autograd.grad((given * toward).sum(), (q, k, v, bias)), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_pieces_of_a_long_sequence_are_those_of_the_whole(causal, monkeypatch):
    monkeypatch.setattr(local, "AT_ONCE", 40)
    for length in (39, 40, 41, 130):
        q, k, v = drawn(length)
        options = {"window": 21, "causal": causal, "mask": padded(length)}
        with torch.no_grad():
            given = local_attention(q, k, v, **options)
        assert torch.equal(given, local_attention(q, k, v, **options)) or torch.allclose(
            given, local_attention(q, k, v, **options), rtol=0, atol=1e-14
        )


def kept_for_backward(length: int) -> int:
    """Entries of all different tensors that training keeps of one call."""
    q, k, v = (x.requires_grad_() for x in drawn(length, rows=1, heads=2, size=4, dtype=torch.float32))
    kept: dict[int, int] = {}

    def look(x: Tensor) -> Tensor:
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes() // x.element_size()
        return x

    with torch.autograd.graph.saved_tensors_hooks(look, lambda x: x):
        y = local_attention(q, k, v, window=16, mask=torch.ones(1, length, dtype=torch.bool))
    assert y.requires_grad
    return sum(kept.values())


def test_what_training_keeps_grows_with_the_length_only():
    kept = [kept_for_backward(length) for length in (512, 1024, 2048)]
    assert kept[2] < 2048 * 400
    assert 1.9 < kept[1] / kept[0] < 2.1
    assert 1.9 < kept[2] / kept[1] < 2.1


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_nothing_but_padding_gives_zeros_and_finite_gradients(dtype):
    q, k, v = (x.to(dtype).requires_grad_() for x in drawn(20))
    mask = torch.zeros(2, 20, dtype=torch.bool)
    mask[0, 5] = True
    for y in (local_attention(q, k, v, window=4, mask=mask), full_attention(q, k, v, mask=mask)):
        torch.testing.assert_close(y[0, :, 5], v[0, :, 5])
        assert y[0, :, :5].abs().sum() == y[0, :, 6:].abs().sum() == y[1].abs().sum() == 0
        assert all(g.isfinite().all() for g in torch.autograd.grad(y.sum(), (q, k, v)))


def test_what_padding_holds_changes_nothing():
    q, k, v = drawn(30)
    mask = padded(30)
    others = [x.masked_fill(~mask[:, None, :, None], 1e6) for x in (q, k, v)]
    for attend in (full_attention, lambda *args, **kw: local_attention(*args, window=9, **kw)):
        torch.testing.assert_close(attend(*others, mask=mask), attend(q, k, v, mask=mask), rtol=0, atol=1e-12)


def test_unfit_windows_and_biases_are_refused():
    q, k, v = drawn(6)
    with pytest.raises(ValueError, match="a window of 0 sees no position"):
        local_attention(q, k, v, window=0)
    with pytest.raises(ValueError, match=r"one number for each of the 5 offsets from -2 to 2, but 3 are given"):
        local_attention(q, k, v, window=3, bias=torch.zeros(3, 3))
