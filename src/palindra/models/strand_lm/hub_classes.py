"""Language models of both strands as classes of transformers, for ``AutoModel`` and ``AutoModelForMaskedLM``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, MaskedLMOutput

from palindra.errors import InputError
from palindra.models.strand_lm import StrandLM, StrandLMConfig
from palindra.models.strand_lm.hub import save_pretrained
from palindra.sequences.vocabulary import VOCABULARY

IGNORED = -100


class StrandLMHubConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """``config.json`` of a saved language model, with the sizes of :class:`StrandLMConfig` under ``config``."""

    model_type = "strand_lm"

    def __init__(self, config: dict[str, Any] | None = None, vocabulary: str | None = None, **others: Any) -> None:
        if vocabulary is not None and vocabulary != str(VOCABULARY):
            raise InputError(f"the model has the vocabulary {vocabulary}, but {VOCABULARY} is known.")
        self.config = dict(config or {})
        self.vocabulary = str(VOCABULARY)
        others = {"pad_token_id": VOCABULARY.padding, "vocab_size": len(VOCABULARY), **others}
        super().__init__(**others)

    @property
    def hidden_size(self) -> int:
        """Features at each position."""
        return StrandLMConfig(**self.config).width


class StrandLMPreTrained(PreTrainedModel):  # type: ignore[no-untyped-call]
    """What both classes share: the network, under the names of its own weights."""

    config_class = StrandLMHubConfig
    base_model_prefix = "network"
    main_input_name = "input_ids"

    def __init__(self, config: StrandLMHubConfig) -> None:
        super().__init__(config)
        self.network = StrandLM(StrandLMConfig(**config.config))
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: torch.nn.Module) -> None:
        """Nothing: the network has drawn its weights."""

    @classmethod
    def from_pretrained(cls, *arguments: Any, **options: Any) -> Any:
        """As the stock method, which builds the network without memory and fills in what the file holds.

        Tables that are not saved, because they follow from the configuration, would keep whatever was in memory.
        """
        found = super().from_pretrained(*arguments, **options)
        network = (found[0] if isinstance(found, tuple) else found).network
        saved = network.state_dict()
        for name, table in StrandLM(network.config).named_buffers():
            if name not in saved:
                network.get_buffer(name).copy_(table)
        return found

    def save_pretrained(  # type: ignore[override]
        self, save_directory: str | Path, *, is_main_process: bool = True, state_dict: Any = None, **options: Any
    ) -> None:
        """Write the folder of :func:`palindra.models.strand_lm.hub.save_pretrained`, with its names of weights.

        Raises:
            InputError: for other weights than its own, and to push at once.
        """
        if state_dict is not None or options.get("push_to_hub"):
            raise InputError(
                "this model saves its own weights into a folder: gather them first, and push with "
                "palindra.models.strand_lm.hub.push_to_hub."
            )
        if is_main_process:
            data = getattr(self.config, "data", None)
            save_pretrained(self.network, save_directory, extra={} if data is None else {"data": data})

    def read(self, input_ids: Tensor, attention_mask: Tensor | None) -> Any:
        """The network on tokens and the mask of real positions."""
        return self.network(input_ids, None if attention_mask is None else attention_mask.bool())


class StrandLMHubModel(StrandLMPreTrained):  # type: ignore[no-untyped-call]
    """``last_hidden_state`` is the feature that both strands share: on the other strand it is only reversed."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> BaseModelOutput:
        return BaseModelOutput(last_hidden_state=self.read(input_ids, attention_mask).hidden)


class StrandLMHubMaskedLM(StrandLMPreTrained):  # type: ignore[no-untyped-call]
    """Logits of A, C, G, T at every position, with the loss where ``labels`` are given (-100 is not scored)."""

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, labels: Tensor | None = None, **_: Any
    ) -> MaskedLMOutput:
        found = self.read(input_ids, attention_mask)
        loss = None
        if labels is not None:
            loss = functional.cross_entropy(found.logits.transpose(1, 2), labels, ignore_index=IGNORED)
        return MaskedLMOutput(loss=loss, logits=found.logits, hidden_states=(found.hidden,))
