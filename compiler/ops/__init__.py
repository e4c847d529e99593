"""The graph dialect: one family of ops a file, each op declared once."""

from importlib import import_module

#: importing a family registers its ops
FAMILIES = (
    "builtin",
    "constant",
    "elementwise",
    "integer",
    "activation",
    "trigonometry",
    "power",
    "special",
    "gamma",
    "matmul",
    "conv",
    "conv_gradient",
    "pool",
    "pool_gradient",
    "norm",
    "reduce",
    "moments",
    "scan",
    "segment",
    "shape",
    "sort",
    "linalg",
    "fused",
    "recurrent",
    "variable",
    "control",
    "dynamic",
    "nonzero",
    "indexing",
    "rearrange",
    "diagonal",
    "resize",
    "image",
    "random_numbers",
    "detection",
)

for _family in FAMILIES:
    import_module("." + _family, __name__)
