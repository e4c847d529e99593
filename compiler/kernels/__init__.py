"""The kern level: what will run, on which buffers; and its lowering to loops, one kernel family a file."""

from importlib import import_module

#: importing a family registers its lowering; the passes register themselves
FAMILIES = (
    "conv",
    "conv_dot",
    "matmul",
    "matvec",
    "pointwise",
    "reduce",
    "softmax",
    "pool",
    "gather",
    "scatter",
    "transpose",
    "diagonal",
    "nonzero",
    "resize",
    "colour",
    "crop",
    "random_numbers",
    "detection",
    "sizes",
    "special",
    "winograd",
    "sort",
    "sort_heap",
    "linalg_lu",
    "linalg_triangular",
    "linalg_qr",
    "linalg_eigen",
    "linalg_svd",
    "border",
    "frame",
    "bytes",
    "arg_reduce",
    "scan",
    "segment",
    "depthwise",
    "dilation",
    "pool_argmax",
)
#: importing these registers how graph ops become kernel calls
FORMS = (
    "form_conv",
    "form_conv_transpose",
    "form_pool",
    "form_dynamic",
    "form_image",
    "form_random",
    "form_detection",
    "form_moves",
    "form_index",
    "form_integer",
    "form_others",
    "form_products",
    "form_scan",
    "form_sort",
    "form_linalg",
    "form_special",
)
PASSES = ("form_kernels", "plan_memory", "lower_loops")

for _module in (
    "dialect_arith",
    "dialect_memory",
    "dialect_control",
    "dialect_kern",
    "dialect_session",
    *FAMILIES,
    *FORMS,
    *PASSES,
):
    import_module("." + _module, __name__)
