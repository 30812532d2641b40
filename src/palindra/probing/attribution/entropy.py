"""What a language model is certain of, base by base, whatever its tokens are.

The highest entropy that is subtracted from is that of the sequence itself, so that no map depends on the sequences that
are read with it (published code takes it over the whole batch). All entropies are in nats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from palindra.errors import InputError
from palindra.probing.source import Source

Of = Literal["letters", "tokens"]


def is_language_source(source: Source) -> bool:
    """Whether a source says how probable letters are."""
    return hasattr(source, "log_probabilities")


def entropy_maps(
    source: Source, sequences: Sequence[str], *, of: Of | None = None, batch_size: int = 16
) -> Float[Tensor, "rows length"]:
    """The highest entropy of a sequence less that of each position, in nats: 0 where the model knows least.

    The score of a token of several letters stands at each of its bases. Positions that the model says nothing of are
    NaN.

    Args:
        source: a language source.
        sequences: of one length.
        of: over "letters" (at most log 4, each base has its own) or "tokens" (the whole vocabulary, as published for
            6-mers). By default tokens where they stand for several letters and lie side by side, else letters.
        batch_size: sequences at a time.

    Raises:
        InputError: for a source that is no language model, or has no tokens of several letters.

    Source: Tang (2024), with the maximum over the sequence.
    """
    from palindra.probing.attribution.token_entropy import has_long_tokens, token_entropies

    if not is_language_source(source):
        raise InputError(
            f"{source.name}: gives no probabilities of letters or tokens, so it has no entropy. Give a masked or "
            "causal language model, or use the gradient of a readout alone."
        )
    long = has_long_tokens(source)
    if of == "tokens" and not long:
        raise InputError(f'{source.name}: has no tokens of several letters side by side; ask for of="letters".')
    length, found = len(sequences[0]), []
    for start in range(0, len(sequences), batch_size):
        part = list(sequences[start : start + batch_size])
        if long and of != "letters":
            values, spans = token_entropies(source, part)  # type: ignore[arg-type]
            found.append(below_highest(over_bases(values, spans, length)))
        else:
            found.append(below_highest(entropy(source.log_probabilities(part).cpu())))  # type: ignore[attr-defined]
    return torch.cat(found)


def entropy(log_probabilities: Float[Tensor, "... letters"]) -> Float[Tensor, "..."]:
    """Entropy in nats; NaN where probabilities are.

    Examples:
        >>> entropy(torch.tensor([[0.5, 0.5, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]).log())
        tensor([0.6931, 0.0000])
    """
    unknown = log_probabilities.isnan().any(-1)
    logs = log_probabilities.clamp(min=torch.finfo(log_probabilities.dtype).min)
    return (log_probabilities.exp() * -logs).sum(-1).masked_fill(unknown, torch.nan)


def below_highest(entropies: Float[Tensor, "rows length"]) -> Float[Tensor, "rows length"]:
    """The highest one of each row less each; NaN stays and is no highest one.

    Examples:
        >>> below_highest(torch.tensor([[1.0, 0.25, torch.nan], [0.5, 0.5, 0.25]]))
        tensor([[0.0000, 0.7500,    nan],
                [0.0000, 0.0000, 0.2500]])
    """
    return entropies.nan_to_num(-torch.inf).amax(1, keepdim=True) - entropies


def over_bases(
    scores: Float[Tensor, "rows tokens"], spans: Int[Tensor, "rows tokens 2"], length: int
) -> Float[Tensor, "rows length"]:
    """Scores of tokens at every base they stand for; their mean where several do, NaN where none does.

    Examples:
        >>> over_bases(torch.tensor([[2.0, 5.0]]), torch.tensor([[[0, 3], [3, 4]]]), 5)
        tensor([[2., 2., 2., 5., nan]])
    """
    rows = len(scores)
    known = (spans[..., 1] > spans[..., 0]) & scores.isfinite()
    values = torch.where(known, scores, 0.0)
    sums, counts = (torch.zeros(rows, length + 1, dtype=torch.float64) for _ in range(2))
    for place, sign in ((0, 1), (1, -1)):  # a span adds from its start on, and takes away from its end on
        sums.scatter_add_(1, spans[..., place].long(), sign * values.double())
        counts.scatter_add_(1, spans[..., place].long(), sign * known.double())
    sums, counts = sums.cumsum(1)[:, :-1], counts.cumsum(1)[:, :-1].round()
    return torch.where(counts > 0, sums / counts.clamp(min=1), torch.nan).to(scores.dtype)
