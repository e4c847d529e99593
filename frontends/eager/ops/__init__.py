"""Functions on tensors, under the names that numpy and Keras have for them.

They take tensors, variables, arrays and numbers, broadcast and promote as those do, and compute nothing until a
value is asked for. A function that is not here is refused by name.
"""

from __future__ import annotations

from typing import Any

from . import image as image
from . import linalg as linalg
from . import nn as nn
from .activations import *  # noqa: F403
from .arrays import *  # noqa: F403
from .attention import *  # noqa: F403
from .bits import *  # noqa: F403
from .blocks import *  # noqa: F403
from .control import *  # noqa: F403
from .convolutions import *  # noqa: F403
from .cumulative import *  # noqa: F403
from .elementwise import *  # noqa: F403
from .encodings import *  # noqa: F403
from .fourier import *  # noqa: F403
from .functions import *  # noqa: F403
from .joins import *  # noqa: F403
from .linear_algebra import *  # noqa: F403
from .losses import *  # noqa: F403
from .making import *  # noqa: F403
from .matrices import *  # noqa: F403
from .nan_reductions import *  # noqa: F403
from .normalization import *  # noqa: F403
from .ordering import *  # noqa: F403
from .pooling import *  # noqa: F403
from .products import *  # noqa: F403
from .reductions import *  # noqa: F403
from .selection import *  # noqa: F403


def __getattr__(name: str) -> Any:
    raise AttributeError(f"netwright.ops has no {name!r} yet")
