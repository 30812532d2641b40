"""Entropy of a language model over its own vocabulary, at tokens of any number of letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from palindra.errors import InputError
from palindra.probing.attribution.entropy import entropy
from palindra.probing.source import Source

if TYPE_CHECKING:
    from palindra.probing.sources.hugging_face import HuggingFaceLanguageSource
    from palindra.probing.sources.tokens import Tokens

LARGEST_LOGITS = 2**26  # numbers that a batch of questions may have


def has_long_tokens(source: Source) -> bool:
    """Whether a source is a language model whose tokens stand for several letters and lie side by side.

    Tokens that overlap share letters, so what is unknown of one is known from its neighbours; such models are asked
    for letters instead.
    """
    from palindra.probing.sources.hugging_face import HuggingFaceLanguageSource

    if not isinstance(source, HuggingFaceLanguageSource) or source.tokens.overlapping:
        return False
    return any(len(word) > 1 for word in source.tokens.words.values())


@torch.no_grad()
def token_entropies(
    source: HuggingFaceLanguageSource, sequences: Sequence[str]
) -> tuple[Float[Tensor, "batch tokens"], Int[Tensor, "batch tokens 2"]]:
    """Entropy in nats over the vocabulary at every token while it alone is masked, and the bases it stands for.

    A causal model says what it expects from the tokens before; the first token is NaN where it has none before it.
    Special tokens are not among them; rows with fewer tokens are filled up with spans ``(0, 0)``.

    Args:
        source: see :func:`has_long_tokens`.
        sequences: of any lengths that the model reads at once.

    Raises:
        InputError: for a sequence that is too long for the model.
    """
    entropies, spans = [], []
    for row, text in enumerate(sequences):
        tokens = source.tokens.read(text, row)
        if source.limit is not None and len(tokens.ids) > source.limit:
            raise InputError(
                f"sequence {row + 1} has {len(tokens.ids):,} tokens and {source.name} reads {source.limit:,}: "
                'entropies of tokens are not joined over tiles. Cut the sequences, or ask for letters (of="letters").'
            )
        read = _left_to_right if source.loaded.causal else _masked
        entropies.append(read(source, tokens))
        spans.append(torch.from_numpy(tokens.spans))
    pad = torch.nn.utils.rnn.pad_sequence
    return pad(entropies, batch_first=True), pad(spans, batch_first=True)


def _masked(source: HuggingFaceLanguageSource, tokens: Tokens) -> Tensor:
    ids, count = torch.tensor(tokens.ids), len(tokens.spans)
    most = max(1, min(source.batch_size, LARGEST_LOGITS // (len(ids) * len(source.tokens))))
    found = []
    for places in torch.split(torch.arange(tokens.first, tokens.first + count), most):
        asked = ids.repeat(len(places), 1)
        rows = torch.arange(len(places))
        asked[rows, places] = source.loaded.tokenizer.mask_token_id
        found.append(_entropy(_logits(source, asked)[rows, places]))
    return torch.cat(found)


def _left_to_right(source: HuggingFaceLanguageSource, tokens: Tokens) -> Tensor:
    places = torch.arange(tokens.first, tokens.first + len(tokens.spans)) - 1
    found = _entropy(_logits(source, torch.tensor([tokens.ids]))[0, places])
    return found.masked_fill(places < 0, torch.nan)


def _logits(source: HuggingFaceLanguageSource, ids: Tensor) -> Tensor:
    found = source.model(ids.to(source.device))
    logits = getattr(found, "logits", None)
    return (found[0] if logits is None else logits).float().cpu()


def _entropy(logits: Tensor) -> Tensor:
    return entropy(logits.log_softmax(-1))
