"""The optional backend: refused with a reason where it cannot run, equal to PyTorch where it can."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch
from torch.nn import functional

from palindra.nn.recurrence import Comba, delta_rule, kernels

INSTALLED = find_spec("fla") is not None
needs_gpu = pytest.mark.skipif(
    not (INSTALLED and torch.cuda.is_available()), reason="needs a CUDA GPU and the package flash-linear-attention"
)


def inputs(dtype=torch.float32, device="cpu", length=100):
    generator = torch.Generator().manual_seed(0)
    q, k, p, v = (torch.randn(2, 3, length, 32, generator=generator) for _ in range(4))
    q, k, p = (functional.normalize(t, dim=-1) for t in (q, k, p))
    log_decay, beta = torch.randn(2, 2, 3, length, generator=generator).unbind()
    state = torch.randn(2, 3, 32, 32, generator=generator).to(device)
    given = [t.to(device, dtype).requires_grad_() for t in (q, k, v, p)]
    return *given, -functional.softplus(log_decay).to(device), beta.sigmoid().to(device), state


def test_auto_is_torch_on_a_cpu():
    *given, state = inputs()
    for auto, torch_only in zip(
        delta_rule(*given, state=state), delta_rule(*given, state=state, backend="torch"), strict=True
    ):
        assert torch.equal(auto, torch_only)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(kernels, "find_spec", lambda name: None)
    *given, _ = inputs()
    with pytest.raises(ValueError, match="pip install flash-linear-attention"):
        delta_rule(*given, backend="fla")
    with pytest.raises(ValueError, match="pip install flash-linear-attention"):
        Comba(6, heads=2, key_size=3, backend="fla")(torch.zeros(1, 4, 6))


def test_a_cpu_is_refused_with_a_reason(monkeypatch):
    monkeypatch.setattr(kernels, "find_spec", lambda name: object())
    *given, _ = inputs()
    with pytest.raises(ValueError, match=r"runs on CUDA.*cpu"):
        delta_rule(*given, backend="fla")


def test_another_backend_is_refused():
    *given, _ = inputs()
    with pytest.raises(ValueError, match='"auto", "torch" or "fla"'):
        delta_rule(*given, backend="triton")


def test_the_kernel_is_given_positions_before_heads(monkeypatch):
    """What is handed over, by a stand-in for the package that runs the steps."""

    class Module:
        @staticmethod
        def chunk_comba(q, k, v, p, g, beta, initial_state=None, output_final_state=False):
            assert output_final_state
            assert g.dtype == beta.dtype == initial_state.dtype == torch.float32
            q, k, v, p, g, beta = (t.transpose(1, 2) for t in (q, k, v, p, g, beta))
            out, state = delta_rule(q, k, v, p, g, beta, state=initial_state, backend="torch")
            return out.transpose(1, 2), state

    monkeypatch.setattr(kernels, "import_module", lambda name: {"fla.ops.comba": Module}[name])
    given = inputs()
    right = delta_rule(*given[:-1], state=given[-1])
    for ours, expected in zip(kernels.fla_delta_rule(*given), right, strict=True):
        torch.testing.assert_close(ours, expected)


@needs_gpu
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 5e-3), (torch.bfloat16, 2e-2)], ids=["float32", "bfloat16"]
)
def test_kernels_give_what_torch_gives(dtype, tolerance):
    """float32 products are rounded to TF32 in the kernels."""
    found = []
    for backend in ("fla", "torch"):
        *given, state = inputs(dtype, "cuda", 150)
        out, last = delta_rule(*given, state=state, backend=backend)
        gradients = torch.autograd.grad(out.float().square().sum() + last.square().sum(), given[:4])
        found.append([out, last, *gradients])
    for ours, right in zip(*found, strict=True):
        scale = right.float().abs().max()
        assert (ours.float() - right.float()).abs().max() < tolerance * scale


@needs_gpu
def test_auto_takes_the_kernels_in_half_precision():
    *given, _ = inputs(torch.bfloat16, "cuda")
    assert kernels.uses_fla("auto", given[0])
    assert not kernels.uses_fla("auto", given[0].float())
