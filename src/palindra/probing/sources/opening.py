"""Sources of representations by their text, as commands and configurations name them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from palindra.errors import InputError
from palindra.probing.source import Source
from palindra.probing.sources.counts import Counts, OneHot
from palindra.probing.sources.language import LayeredSource
from palindra.probing.sources.strands import Strands, both_strands
from palindra.probing.sources.tiles import MaxLength, checked_max_length

KINDS_TEXT = (
    "one-hot, nucleotides, dinucleotides, kmers:6, palindra:FOLDER (palindra:default is the model that ships with the "
    "package), hf:FOLDER or hf:OWNER/NAME, hf-random:FOLDER, call:module:function"
)


@dataclass(frozen=True)
class Options:
    """How a source is opened; see :func:`open_source`."""

    trust_remote_code: bool
    device: str
    batch_size: int
    max_length: MaxLength
    seed: int


def open_source(
    text: str,
    *,
    layer: int | None = None,
    strands: Strands = "as is",
    trust_remote_code: bool = False,
    device: str = "cpu",
    batch_size: int = 64,
    max_length: MaxLength = "refuse",
    seed: int = 0,
) -> Source:
    """Open a source of representations.

    ====================== ==========================================================================================
    text                   what it gives
    ====================== ==========================================================================================
    one-hot                the letters themselves
    nucleotides            shares of A, C, G, T in the sequence
    dinucleotides          shares of the 16 pairs of neighbours
    kmers:6                shares of words of so many letters, 1 to 8
    palindra:FOLDER        a language model (``palindra pretrain``, ``palindra finetune``, Caduceus), or the features
                           before the head of a run folder of ``palindra train``; ``palindra:default`` ships with the
                           package
    hf:FOLDER              a masked or causal language model or encoder that transformers reads; with the name
                           ``hf:owner/name`` one of the model hub
    hf-random:FOLDER       the same architecture with new weights, drawn with ``seed``: a control
    call:module:function   any function of sequences, see :class:`palindra.probing.sources.functions.FunctionSource`
    ====================== ==========================================================================================

    Args:
        text: see above.
        layer: after which the features are taken; negative ones count from the last, which is taken by default. 0 is
            before the first layer, or of a model of transformers the first of its ``hidden_states``.
        strands: ``"as is"`` reads the given strand, ``"averaged"`` and ``"concatenated"`` read both, see
            :class:`palindra.probing.sources.strands.BothStrands`.
        trust_remote_code: let a model run the code in its folder.
        device: where to compute; features come back on the CPU.
        batch_size: sequences of one number of tokens that are read together.
        max_length: what is done with sequences longer than the model reads: ``"refuse"`` or ``"tile"``.
        seed: of new weights.

    Raises:
        InputError: for a text that names no source, a folder that cannot be read, or a layer that there is not.

    Examples:
        >>> open_source("dinucleotides").embed(["ACGTT"]).features.shape
        torch.Size([1, 1, 16])
    """
    checked_max_length(max_length)
    kind, _, rest = text.partition(":")
    if kind not in KINDS or bool(rest) != (kind in NAMED):
        raise InputError(f"{text}: no such source. There are {KINDS_TEXT}.")
    options = Options(trust_remote_code, device, batch_size, max_length, seed)
    return both_strands(_at_layer(KINDS[kind](rest, options), layer, text), strands)


def _at_layer(source: Source, layer: int | None, text: str) -> Source:
    if layer is None:
        return source
    if not isinstance(source, LayeredSource):
        raise InputError(f"{text}: has no layers to choose from, and layer {layer} is asked for. Leave it out.")
    layers = source.layers
    if layer not in layers and not -len(layers) <= layer < 0:
        raise InputError(f"{text}: has no layer {layer}; there are {layers[0]} to {layers[-1]}.")
    return source.at_layer(layers[layer] if layer < 0 else layer)


def _kmers(rest: str, options: Options) -> Source:
    if not rest.isdecimal():
        raise InputError(f"kmers:{rest}: the length of the words is a number of 1 to 8, e.g. kmers:6.")
    return Counts(int(rest))


def _palindra(rest: str, options: Options) -> Source:
    from palindra.probing.sources.palindra_models import open_palindra

    return open_palindra(rest, device=options.device, batch_size=options.batch_size, max_length=options.max_length)


def _hugging_face(rest: str, options: Options, seed: int | None = None) -> Source:
    from palindra.probing.sources.hugging_face import open_hugging_face

    return open_hugging_face(
        rest,
        trust_remote_code=options.trust_remote_code,
        device=options.device,
        batch_size=options.batch_size,
        max_length=options.max_length,
        seed=seed,
    )


def _call(rest: str, options: Options) -> Source:
    from palindra.probing.sources.functions import open_function

    return open_function(rest, batch_size=options.batch_size)


KINDS: dict[str, Callable[[str, Options], Source]] = {
    "one-hot": lambda rest, options: OneHot(),
    "nucleotides": lambda rest, options: Counts(1),
    "dinucleotides": lambda rest, options: Counts(2),
    "kmers": _kmers,
    "palindra": _palindra,
    "hf": _hugging_face,
    "hf-random": lambda rest, options: _hugging_face(rest, options, options.seed),
    "call": _call,
}
NAMED = ("kmers", "palindra", "hf", "hf-random", "call")
