"""The kern level: what will run, on which buffers; and its lowering to loops, one kernel family a file."""

from importlib import import_module

#: importing a family registers its lowering; the passes register themselves
FAMILIES = (
    "conv",
    "matmul",
    "pointwise",
    "reduce",
    "softmax",
    "pool",
    "gather",
    "nonzero",
    "resize",
    "sizes",
    "border",
)
#: importing these registers how graph ops become kernel calls
FORMS = ("form_dynamic", "form_image", "form_moves", "form_others", "form_products")
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
