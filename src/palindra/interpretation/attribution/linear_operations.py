"""Operations that are linear, up to a constant, in what is followed: the rescale rule leaves them as they are.

What is in no list of rules is not taken for linear: its derivative is integrated, which costs time but is right.
"""

from __future__ import annotations

from torch import Tensor

from palindra.interpretation.attribution.followed import functions

_NAMES = """
    add __add__ __radd__ sub subtract __sub__ __rsub__ rsub neg negative __neg__ positive __pos__
    sum mean nansum cumsum diff roll flip fliplr flipud rot90
    cat concat concatenate stack hstack vstack dstack chunk split tensor_split unbind unsafe_chunk unsafe_split
    view view_as reshape reshape_as flatten unflatten ravel squeeze unsqueeze transpose swapaxes swapdims permute
    movedim moveaxis t adjoint expand expand_as repeat repeat_interleave tile broadcast_to contiguous clone to type
    type_as float double half bfloat16 cpu cuda as_strided narrow select index_select gather take take_along_dim
    diagonal diag_embed diag triu tril unfold fold pad pixel_shuffle pixel_unshuffle
    __getitem__ __setitem__ index_add index_copy scatter_add masked_select
    avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d interpolate upsample
    dropout dropout1d dropout2d dropout3d alpha_dropout feature_dropout feature_alpha_dropout batch_norm
    detach zeros_like ones_like full_like empty_like rand_like randn_like new_zeros new_ones new_full new_tensor
    new_empty logical_not logical_and logical_or logical_xor isnan isinf isfinite eq ne __eq__ __ne__ __and__ __or__
    __invert__ argmax argmin sign item tolist numpy any all copy_ index_fill identity
    gt lt ge le greater less greater_equal less_equal __gt__ __lt__ __ge__ __le__
    is_same_size equal allclose embedding one_hot nan_to_num isclose unsafe_split_with_sizes split_with_sizes
"""

LINEAR = {
    *functions(*_NAMES.split()),
    *(getattr(Tensor, name).__get__ for name in ("T", "mT", "H", "mH", "grad_fn", "data", "is_leaf", "real", "imag")),
}
"""Their functions and methods in torch."""
