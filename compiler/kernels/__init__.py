"""The kern level: what will run, on which buffers; and its lowering to loops, one kernel family a file."""

from importlib import import_module

#: importing these registers ops and passes; kernel families and forms are imported when first needed: see files.py
DIALECTS = ("dialect_arith", "dialect_memory", "dialect_control", "dialect_kern", "dialect_session")
PASSES = ("form_kernels", "plan_memory", "lower_loops")

for _module in (*DIALECTS, *PASSES):
    import_module("." + _module, __name__)
