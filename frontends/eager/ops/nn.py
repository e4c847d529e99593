"""`ops.nn`: activations, convolutions, pools, normalisations, losses."""

from __future__ import annotations

from .activations import *  # noqa: F403
from .attention import *  # noqa: F403
from .blocks import depth_to_space, fold, space_to_depth, unfold
from .convolutions import *  # noqa: F403
from .encodings import multi_hot, one_hot
from .fourier import polar
from .losses import *  # noqa: F403
from .normalization import *  # noqa: F403
from .pooling import *  # noqa: F403
