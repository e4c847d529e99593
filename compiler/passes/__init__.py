"""The graph level's passes: one a file; file, class, command-line name and test share one name."""

from importlib import import_module

#: importing a file registers its pass
FILES = (
    "canonicalize",
    "cse",
    "dce",
    "decompose_conv",
    "dilate_convolutions",
    "fold_batch_norm",
    "fold_constants",
    "fuse_conv_bias_relu",
    "recompute",
    "widen_half",
)

for _file in FILES:
    import_module("." + _file, __name__)
