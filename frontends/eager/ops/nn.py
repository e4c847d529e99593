"""`ops.nn`: activations, convolutions, pools, normalisations, losses."""

from __future__ import annotations

from .activations import *  # noqa: F403
from .attention import *  # noqa: F403
from .blocks import (
    depth_to_space as depth_to_space,
)
from .blocks import (
    fold as fold,
)
from .blocks import (
    space_to_depth as space_to_depth,
)
from .blocks import (
    unfold as unfold,
)
from .convolutions import *  # noqa: F403
from .encodings import multi_hot as multi_hot
from .encodings import one_hot as one_hot
from .fourier import polar as polar
from .losses import *  # noqa: F403
from .normalization import *  # noqa: F403
from .pooling import *  # noqa: F403
