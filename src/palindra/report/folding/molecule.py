"""What is shown of one molecule: its predicted pairs, all probabilities, and a structure to compare with."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from palindra.data.rna import Pairs, split_nested

KNOWN, RNAFOLD = "known structure", "RNAfold"


@dataclass(frozen=True)
class FoldedMolecule:
    """A molecule as pictures and pages show it; positions are from 0 here and from 1 on paper.

    Args:
        name: of the molecule.
        sequence: letters as written.
        predicted: pairs of the predicted structure.
        entries: position, position and probability of the pairs that are drawn on the map.
        unpaired: chance of each base to be in no pair.
        known: pairs of the known structure.
        rnafold: pairs of least free energy.
        family: where known.
        facts: names and values, in order.
        cautions: sentences.
        scores: F1 of the prediction and of RNAfold, as far as there is a known structure.

    Examples:
        >>> one = FoldedMolecule("a", "GGAAACC", ((0, 6), (1, 5)), [(0, 6, 0.9)], [0.1] * 7, rnafold=((0, 6),))
        >>> one.reference_name, one.shared, one.gc
        ('RNAfold', frozenset({(0, 6)}), 0.57...)
    """

    name: str
    sequence: str
    predicted: Pairs
    entries: list[tuple[int, int, float]]
    unpaired: list[float]
    known: Pairs | None = None
    rnafold: Pairs | None = None
    family: str | None = None
    facts: dict[str, str] = field(default_factory=dict)
    cautions: list[str] = field(default_factory=list)
    scores: tuple[float | None, float | None] = (None, None)

    def __len__(self) -> int:
        return len(self.sequence)

    @property
    def reference(self) -> Pairs | None:
        """What the prediction is compared with: the known structure, else RNAfold's, else nothing."""
        return self.known if self.known is not None else self.rnafold

    @property
    def reference_name(self) -> str:
        """Of what the prediction is compared with."""
        return KNOWN if self.known is not None else RNAFOLD

    @cached_property
    def shared(self) -> frozenset[tuple[int, int]]:
        """Predicted pairs that the reference has as well."""
        return frozenset(self.predicted) & frozenset(self.reference or ())

    @cached_property
    def crossing(self) -> frozenset[tuple[int, int]]:
        """Pairs of the prediction and of the reference that make pseudoknots: outside a largest nested subset."""
        return frozenset(split_nested(self.predicted).crossing) | frozenset(split_nested(self.reference or ()).crossing)

    @property
    def gc(self) -> float:
        """Share of G and C."""
        letters = self.sequence.upper()
        return (letters.count("G") + letters.count("C")) / len(letters)

    @cached_property
    def chance(self) -> dict[tuple[int, int], float]:
        """Probability of each pair that is drawn."""
        return {(i, j): p for i, j, p in self.entries}
