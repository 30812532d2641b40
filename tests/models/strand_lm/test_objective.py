"""The agreement loss equals the one with all Gram entries written out; the teacher follows slowly; schedules."""

import pytest
import torch
from torch.nn import functional

from palindra.models.strand_lm import (
    StrandLM,
    StrandLMConfig,
    Teacher,
    agreement_loss,
    gate_supervision_loss,
    objective_weights,
    semantic_loss,
)

SIZES = {"width": 8, "depth": 1, "heads": 2, "key_size": 4, "window": 5, "feed_forward": 1}


def features(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def written_out(t, s):
    """The formula for one window, with both matrices of length x length."""
    grams = [x @ x.T / torch.linalg.norm(x @ x.T) for x in (s, t)]
    return (
        functional.mse_loss(s, t)
        + 0.5 * functional.mse_loss(s.diff(dim=0), t.diff(dim=0))
        + 0.2 * (functional.mse_loss(*grams))
    )


def test_semantic_loss_is_its_formula_and_so_is_its_gradient():
    t, s = features(3, 7, 5), features(3, 7, 5, seed=1).requires_grad_()
    expected = torch.stack([written_out(a, b) for a, b in zip(t, s, strict=True)]).mean()
    found = semantic_loss(t, s)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found, s), torch.autograd.grad(expected, s))


def test_the_gram_part_alone_by_hand():
    s, t = torch.tensor([[[1.0], [0.0]]]), torch.tensor([[[0.0], [1.0]]])
    # diag(1, 0) against diag(0, 1): two of four entries differ by one.
    only = [semantic_loss(t, s, gram=weight) for weight in (0.0, 1.0)]
    assert float(only[1] - only[0]) == pytest.approx(0.5)


def test_semantic_loss_is_that_of_the_other_strand_and_flows_into_the_student_alone():
    t, s = features(2, 9, 4).requires_grad_(), features(2, 9, 4, seed=1).requires_grad_()
    loss = semantic_loss(t, s)
    torch.testing.assert_close(semantic_loss(t.flip(1), s.flip(1)), loss)
    loss.backward()
    assert t.grad is None
    assert s.grad.any()
    torch.testing.assert_close(semantic_loss(t, t), torch.zeros((), dtype=torch.float64), atol=1e-12, rtol=0)


def test_padding_counts_nowhere():
    t, s = features(2, 6, 4), features(2, 6, 4, seed=1)
    mask = torch.tensor([[False] * 2 + [True] * 6 + [False] * 3]).repeat(2, 1)
    wide = [functional.pad(x, (0, 0, 2, 3), value=50.0 + i) for i, x in enumerate((t, s))]
    torch.testing.assert_close(semantic_loss(*wide, mask), semantic_loss(t, s))
    empty = semantic_loss(*wide, torch.zeros_like(mask))
    assert float(empty) == 0


def test_long_windows_need_no_matrix_of_positions():
    s = torch.randn(1, 60_000, 3, requires_grad=True)  # a matrix of positions would be 14 GB
    semantic_loss(torch.randn(1, 60_000, 3), s).backward()
    assert s.grad.isfinite().all()


def test_agreement_is_the_sum_over_strands_inside_blocks():
    config = StrandLMConfig(**SIZES, block=4)
    t, s = features(2, 2, 12, 8), features(2, 2, 12, 8, seed=1)
    parts = [
        torch.stack([semantic_loss(t[:, i, j : j + 4], s[:, i, j : j + 4]) for j in (0, 4, 8)]).mean() for i in (0, 1)
    ]
    torch.testing.assert_close(agreement_loss(config, t, s), parts[0] + parts[1])


def test_the_gate_is_told_which_branch_holds_the_forward_strand():
    alternating = StrandLMConfig(**SIZES, mixer="untied", block=4, alternating=True)
    gate = torch.cat([torch.full((1, 4, 3), 2.0), torch.full((1, 4, 3), -2.0)], dim=1)
    right = functional.softplus(torch.tensor(-2.0))
    torch.testing.assert_close(gate_supervision_loss(alternating, gate), right)
    torch.testing.assert_close(gate_supervision_loss(alternating, -gate), functional.softplus(torch.tensor(2.0)))
    fixed = StrandLMConfig(**SIZES, mixer="untied", block=4)
    torch.testing.assert_close(gate_supervision_loss(fixed, gate.abs()), right)
    mask = torch.tensor([[True] * 3 + [False] * 5])
    spoilt = gate.clone()
    spoilt[:, 3:] = -9.0
    torch.testing.assert_close(gate_supervision_loss(alternating, spoilt, mask), right)
    with pytest.raises(ValueError, match="gate of a tied model cannot be supervised"):
        gate_supervision_loss(StrandLMConfig(**SIZES), gate)


def test_schedule_as_published():
    assert objective_weights(0) == (0.0, 0.0, True)
    assert objective_weights(4_999)[1:] == (0.0, True)
    assert objective_weights(5_000) == (0.06, 0.02, False)
    assert objective_weights(1_000_000).semantic == 0.12
    assert objective_weights(9_000, supervised=False).gate == 0.0


@pytest.mark.parametrize("mixer", ["tied", "untied"])
def test_the_teacher_is_a_moving_average_of_branches_and_bridges(mixer):
    torch.manual_seed(0)
    model = StrandLM(StrandLMConfig(**SIZES, mixer=mixer))
    teacher = Teacher(model, decay=0.9)
    tokens = torch.randint(4, (2, 9))
    torch.testing.assert_close(teacher(model, tokens), model.eval().strands(tokens))
    torch.testing.assert_close(model(tokens).strands, model.strands(tokens))
    assert torch.equal(teacher(model.train(), tokens), teacher(model, tokens))  # no dropout
    before = [p.clone() for p in teacher.parameters()]
    with torch.no_grad():
        for p in model.parameters():
            p.add_(1.0)
    teacher.update(model)
    for old, new in zip(before, teacher.parameters(), strict=True):
        torch.testing.assert_close(new, old + 0.1)
        assert not new.requires_grad
    assert not teacher(model, tokens).requires_grad
    with pytest.raises(ValueError, match="decay"):
        Teacher(model, decay=1.0)
