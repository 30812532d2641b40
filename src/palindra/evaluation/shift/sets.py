"""How far two sets of sequences are apart, k by k."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from palindra.evaluation.shift.divergence import js_distance, kl_divergence
from palindra.evaluation.shift.spectra import LARGEST_K, spectrum
from palindra.evaluation.shift.transport import wasserstein
from palindra.sequences.alphabet import Codes


@dataclass(frozen=True)
class SetDistance:
    """Distances between the k-mers of two sets."""

    k: int
    kl: float  # of the first set from the second, nats
    js: float  # 0 to .833
    wasserstein: float  # letters to change in a k-mer


def set_distances(
    first: Codes,
    second: Codes,
    *,
    lengths: Sequence[int] = range(1, LARGEST_K + 1),
    canonical: bool = True,
    pseudocount: float = 1.0,
) -> list[SetDistance]:
    """Kullback-Leibler, Jensen-Shannon and Wasserstein distance of two sets of sequences for several k.

    Small sets are apart by chance: compare with the distance of two sets of the same sizes that are alike.

    Args:
        first: codes of the new set ``(rows, length)``.
        second: codes of the reference.
        lengths: the k; those longer than the sequences are left out.
        canonical: read both strands as one, see :func:`spectrum`.
        pseudocount: added to every k-mer of both sets.

    Examples:
        >>> from palindra.sequences import encode
        >>> first, second = encode(["AAAA"]), encode(["CCCC"])
        >>> set_distances(first, second, lengths=[1], pseudocount=0.0)
        [SetDistance(k=1, kl=inf, js=0.832..., wasserstein=1.0)]
    """
    found = []
    for k in lengths:
        if k > min(first.shape[1], second.shape[1]):
            continue
        p, q = (spectrum(codes, k, canonical=canonical, pseudocount=pseudocount) for codes in (first, second))
        transport = wasserstein(p, q, k, canonical=canonical)
        found.append(SetDistance(k, float(kl_divergence(p, q)), float(js_distance(p, q)), transport))
    return found
