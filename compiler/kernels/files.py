"""Which file holds which kernel family, and which forms the calls of which ops: they are imported when first needed,
for most models need few of them."""

from __future__ import annotations

from importlib import import_module

#: file -> the families whose lowering it registers
FAMILIES = {
    "arg_reduce": "arg_reduce",
    "border": "border",
    "bytes": "bytes",
    "colour": "colour draw_boxes",
    "conv": "conv2d",
    "conv_dot": "conv_dot",
    "conv_filter": "conv_filter",
    "crop": "crop warp",
    "depthwise": "depthwise",
    "depthwise_filter": "depthwise_filter",
    "detection": "nms nms_merge",
    "diagonal": "matrix_diag_part matrix_set_diag",
    "dilation": "dilation",
    "frame": "frame",
    "gather": "gather gather_nd",
    "gemm": "gemm",
    "linalg_eigen": "self_adjoint_eig",
    "linalg_lu": "lu solve determinant",
    "linalg_qr": "qr",
    "linalg_svd": "svd",
    "linalg_triangular": "triangular_solve cholesky",
    "matmul": "matmul",
    "matvec": "matvec",
    "moments": "moments moments_of_parts",
    "nonzero": "nonzero unique",
    "pointwise": "pointwise",
    "pool": "pool",
    "pool_argmax": "pool_argmax",
    "pool_gradient": "max_pool_gradient avg_pool_gradient",
    "random_numbers": "random_key random random_permutation random_categorical random_sampled",
    "recurrent_backward": "lstm_gradient gru_gradient simple_rnn_gradient",
    "recurrent_forward": "lstm gru simple_rnn",
    "reduce": "reduce",
    "reductions": "reductions",
    "resize": "resize_taps resize resample",
    "scan": "cumulative search_sorted",
    "scatter": "scatter_nd invert_permutation iota",
    "segment": "segment bincount",
    "sizes": "sizes",
    "softmax": "softmax",
    "sort": "top_k",
    "sort_heap": "top_heap",
    "special": "igamma betainc zeta integer_pow",
    "transpose": "transpose",
    "winograd": "winograd_input winograd_output winograd_filter winograd_product winograd_blocks winograd",
    "winograd_gradient_blocks": "winograd_gradient_blocks winograd_gradient_output",
    "winograd_gradient_stages": "winograd_gradient_windows winograd_gradient_product",
}
#: file -> the classes of ops that it makes kernel calls of; what derives from them goes with them
FORMS = {
    "form_conv": "Conv2D Conv3D",
    "form_conv_filter": "ConvFilterGradient",
    "form_conv_transpose": "ConvTranspose",
    "form_detection": "NonMaxSuppression CombinedNonMaxSuppression",
    "form_dynamic": "DefineSize Nonzero Unique",
    "form_image": "Resize ScaleAndTranslate Colour DrawBoxes CropAndResize ProjectiveTransform",
    "form_index": "Gather GatherNd ScatterNd InvertPermutation Iota MatrixDiagPart MatrixSetDiag",
    "form_integer": "Bitcast",
    "form_linalg": "Lu Inverse Solve Determinant TriangularSolve Cholesky Qr Svd SelfAdjointEig",
    "form_moves": "Reshape Transpose BroadcastTo Slice Reverse Patches Concat Pad",
    "form_others": "Softmax Dims Shape ReadVariable AssignVariable",
    "form_pool": "MaxPool2D AvgPool2D MaxPool3D AvgPool3D Dilation2D MaxPoolArgmax MaxPoolGradient AvgPoolGradient",
    "form_products": "MatMul",
    "form_random": "RandomKey Random RandomPermutation RandomCategorical RandomPoisson RandomGamma",
    "form_recurrent": "LSTM GRU SimpleRNN LSTMGradient GRUGradient SimpleRNNGradient",
    "form_reduce": "Reduce Moments",
    "form_scan": "ArgMax Cumulative SearchSorted SegmentReduce Bincount",
    "form_sort": "TopK",
    "form_special": "Igamma Betainc Zeta Pow",
}
_FILE_OF_FAMILY = {name: file for file, names in FAMILIES.items() for name in names.split()}
_FILE_OF_FORM = {name: file for file, names in FORMS.items() for name in names.split()}


def import_family(family: str) -> None:
    """Imports the file that registers the lowering of `family`, if there is one."""
    _import(_FILE_OF_FAMILY.get(family))


def import_form(op_class: str) -> None:
    """Imports the file that registers how ops of a class, given by its name, become kernel calls, if there is one."""
    _import(_FILE_OF_FORM.get(op_class))


def _import(file: str | None) -> None:
    if file is not None:
        import_module("." + file, __package__)
