"""How strange each sequence is to a model's training data, by several scores and one that joins them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.evaluation.shift.divergence import js_distance, kl_divergence
from palindra.evaluation.shift.likelihood import Chain, fit_chain
from palindra.evaluation.shift.neighbourhood import Cloud, fit_cloud
from palindra.evaluation.shift.spectra import Spectrum, multiplicity, sequence_spectra, spectrum
from palindra.evaluation.shift.transport import sinkhorn
from palindra.sequences.alphabet import Codes

JS_K, KL_K, TRANSPORT_K, CLOUD_K = 6, 4, 3, 4
SCORES = {
    "combined": "unlikelihood, 6-mers and disorder together; the one to use",
    "unlikelihood": "minus the mean log-likelihood per letter under a chain fitted to the training data",
    "kmer_js": f"Jensen-Shannon distance of its {JS_K}-mers from those of the training data",
    "kmer_kl": f"Kullback-Leibler divergence of its {KL_K}-mers from those of the training data, nats",
    "kmer_wasserstein": f"letters to change until its {TRANSPORT_K}-mers are those of the training data",
    "kmer_mahalanobis": f"distance of its {CLOUD_K}-mer frequencies from their mean, in units of their covariance",
    "disorder": "how much less the order of its letters, given its dinucleotides, is like the training data",
    "embedding_mahalanobis": "distance from the mean in the embedding of the model, in units of the covariance",
    "embedding_neighbours": "mean distance to the nearest training sequences in the embedding of the model",
}
"""What each score says; all are larger for stranger sequences."""

JOINED = ("unlikelihood", "kmer_js", "disorder")
_LEAST_HELD_OUT = 2

Scores = dict[str, NDArray[np.float64]]


class _Reference(NamedTuple):
    """What was fitted to the training data."""

    spectra: dict[int, Spectrum]
    chain: Chain
    dinucleotides: Chain
    kmers: Cloud
    embedding: Cloud | None


@dataclass(eq=False)
class ShiftScorer:
    """Scores of strangeness against training data, by default the same for a sequence and its reverse complement.

    A part of the training data is held out: scores are measured against the rest, and the held-out part says which
    scores are usual. ``combined`` is the length of the vector of what ``unlikelihood``, ``kmer_js`` and ``disorder``
    exceed their held-out medians by, in units of their held-out spread. Foreign and shuffled sequences have unlikely
    words, repeats have few words, and sequences whose dinucleotides were kept have an unlikely order of them; no
    single score sees all of these.

    Args:
        order: letters on which a letter depends in the chain.
        held_out: share of the training data to hold out where `fit` is not told which.
        neighbours: of a sequence in the embedding.
        canonical: read both strands as one; off for data with a given strand, such as RNA.
        pseudocount: of the k-mers of the training data.
        seed: of the random choice of what is held out.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> train = rng.choice(4, (200, 60), p=[0.4, 0.1, 0.1, 0.4]).astype(np.uint8)
        >>> scorer = ShiftScorer().fit(train)
        >>> strange = np.tile(np.array([1, 2], dtype=np.uint8), (1, 30))
        >>> scorer.percentile("combined", scorer.score(strange)["combined"])
        array([100.])
    """

    order: int = 5
    held_out: float = 0.2
    neighbours: int = 10
    canonical: bool = True
    pseudocount: float = 1.0
    seed: int = 0

    def fit(
        self,
        codes: Codes,
        embeddings: Any = None,
        *,
        held_out: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> ShiftScorer:
        """Learn what the training data look like.

        Args:
            codes: of the training sequences ``(rows, length)``, see :func:`palindra.sequences.encode`.
            embeddings: of the same rows, see :func:`palindra.models.embeddings.embeddings`; None leaves their scores
                out.
            held_out: for each row whether it is held out (e.g. the validation split, which also keeps the embedding
                from knowing the held-out rows by heart); by default a random share.
            groups: for each row its family; whole families are held out, so that near copies do not stand on both
                sides.

        Returns:
            This scorer; ``length`` is that of the training data, ``away`` says which rows are held out.

        Raises:
            ValueError: if too few rows are left on one side, or lengths do not agree.
        """
        away = self._held_out(len(codes), held_out, groups)
        known, usual = codes[~away], codes[away]
        vectors = None if embeddings is None else np.asarray(embeddings, dtype=np.float64)
        if vectors is not None and len(vectors) != len(codes):
            raise ValueError(f"{len(vectors)} embeddings are given for {len(codes)} sequences.")
        counted: Any = {"canonical": self.canonical, "pseudocount": self.pseudocount}
        self._reference = _Reference(
            {k: spectrum(known, k, **counted) for k in (JS_K, KL_K, TRANSPORT_K)},
            fit_chain(known, order=self.order, **counted),
            fit_chain(known, order=1, **counted),
            fit_cloud(kmer_vectors(known, CLOUD_K, canonical=self.canonical)),
            None if vectors is None else fit_cloud(vectors[~away]),
        )
        self.length, self.away = codes.shape[1], away
        single = self._single(usual, None if vectors is None else vectors[away])
        self._usual = {name: _middle(single[name]) for name in JOINED}
        self._held = {name: np.sort(values[~np.isnan(values)]) for name, values in self._joined(single).items()}
        return self

    def score(self, codes: Codes, embeddings: Any = None) -> Scores:
        """Every score of every sequence, float64 ``(rows,)``, larger for stranger ones; see `SCORES`.

        Sequences may have another length than the training data, but all scores of single sequences depend on it:
        percentiles hold for the length of the training data only. A sequence without certain letters has NaN.

        Raises:
            ValueError: if embeddings are given but were not to `fit`, or the other way round.
        """
        vectors = None if embeddings is None else np.asarray(embeddings, dtype=np.float64)
        return self._joined(self._single(codes, vectors))

    def percentile(self, name: str, scores: ArrayLike) -> NDArray[np.float64]:
        """Per cent of the held-out training sequences that are less strange (of equally strange ones, half).

        Raises:
            ValueError: for a score that there is not.
        """
        if name not in self.fitted:
            raise ValueError(f"there is no score {name!r}; there are {', '.join(self.fitted)}.")
        values, held = np.asarray(scores, dtype=np.float64), self._held[name]
        ranks = (np.searchsorted(held, values, "left") + np.searchsorted(held, values, "right")) / 2
        return np.where(np.isnan(values), np.nan, 100 * ranks / len(held))

    @property
    def fitted(self) -> dict[str, NDArray[np.float64]]:
        """The sorted scores of the held-out training sequences, by name.

        Raises:
            ValueError: before `fit`.
        """
        if not hasattr(self, "_held"):
            raise ValueError("this scorer knows no training data yet: call fit(codes) first.")
        return self._held

    def _held_out(self, rows: int, held_out: ArrayLike | None, groups: ArrayLike | None) -> NDArray[np.bool_]:
        if held_out is not None:
            away = np.asarray(held_out, dtype=bool)
        else:
            family = np.arange(rows) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
            order = np.random.default_rng(self.seed).permutation(int(family.max(initial=-1)) + 1)
            sizes = np.bincount(family, minlength=len(order))[order].cumsum()
            away = np.isin(family, order[: int(np.searchsorted(sizes, self.held_out * rows)) + 1])
        if away.shape != (rows,) or away.sum() < _LEAST_HELD_OUT or (~away).sum() < _LEAST_HELD_OUT:
            raise ValueError(
                f"{int(away.sum())} of {rows} training sequences would be held out: at least {_LEAST_HELD_OUT} are "
                "needed on both sides."
            )
        return away

    def _single(self, codes: Codes, vectors: NDArray[np.float64] | None) -> Scores:
        if not hasattr(self, "_reference"):
            raise ValueError("this scorer knows no training data yet: call fit(codes) first.")
        known = self._reference
        if (vectors is None) != (known.embedding is None):
            given, fitted = ("no embeddings", "with") if vectors is None else ("embeddings", "without")
            raise ValueError(f"{given} are given, but the scorer was fitted {fitted} them.")
        found: Scores = {name: np.empty(len(codes)) for name in ("kmer_js", "kmer_kl", "kmer_wasserstein")}
        for name, k in (("kmer_js", JS_K), ("kmer_kl", KL_K), ("kmer_wasserstein", TRANSPORT_K)):
            done = 0
            for block in sequence_spectra(codes, k, canonical=self.canonical):
                found[name][done : done + len(block)] = self._distance(name, block, known.spectra[k])
                done += len(block)
        likely = known.chain.log_likelihood(codes)
        found["unlikelihood"] = -likely
        found["disorder"] = known.dinucleotides.log_likelihood(codes) - likely
        found["kmer_mahalanobis"] = known.kmers.mahalanobis(kmer_vectors(codes, CLOUD_K, canonical=self.canonical))
        if vectors is not None and known.embedding is not None:
            found["embedding_mahalanobis"] = known.embedding.mahalanobis(vectors)
            found["embedding_neighbours"] = known.embedding.nearest(vectors, neighbours=self.neighbours)
        nothing = np.isnan(likely)
        return {name: np.where(nothing, np.nan, values) for name, values in found.items()}

    def _distance(self, name: str, spectra: Spectrum, reference: Spectrum) -> NDArray[np.float64]:
        if name == "kmer_wasserstein":
            return sinkhorn(spectra, reference[None], TRANSPORT_K, canonical=self.canonical)
        return (js_distance if name == "kmer_js" else kl_divergence)(spectra, reference)

    def _joined(self, single: Scores) -> Scores:
        excess = [(single[name] - middle) / spread for name, (middle, spread) in self._usual.items()]
        combined = np.sqrt(np.sum(np.maximum(excess, 0.0) ** 2, axis=0))
        found = {"combined": combined, **single}
        return {name: found[name] for name in SCORES if name in found}


def kmer_vectors(codes: Codes, k: int, *, canonical: bool = True) -> NDArray[np.float64]:
    """Square roots of k-mer frequencies, whose differences are Hellinger distances, one row for each sequence.

    Examples:
        >>> from palindra.sequences import encode
        >>> kmer_vectors(encode(["AAAC", "GGTT"]), 1).round(3)
        array([[0.866, 0.5  ],
               [0.707, 0.707]])
    """
    blocks = list(sequence_spectra(codes, k, canonical=canonical))
    return np.sqrt(np.concatenate(blocks)) if blocks else np.empty((0, len(multiplicity(k, canonical))))


def _middle(values: NDArray[np.float64]) -> tuple[float, float]:
    """Median and standard deviation (1 where nothing varies)."""
    spread = float(np.nanstd(values))
    return float(np.nanmedian(values)), spread if spread > 0 else 1.0
