"""The graph dialect: one family of ops a file, each op declared once."""

from importlib import import_module

#: importing a family registers its ops
FAMILIES = (
    "builtin",
    "constant",
    "elementwise",
    "activation",
    "matmul",
    "conv",
    "pool",
    "norm",
    "reduce",
    "shape",
    "fused",
    "variable",
    "control",
    "dynamic",
    "nonzero",
    "resize",
)

for _family in FAMILIES:
    import_module("." + _family, __name__)
