"""Helpers around models and data, under the names of `keras.utils`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

#: module -> what it holds
_FAMILIES = {
    ".arrays": "normalize pad_sequences split_dataset to_categorical",
    ".datasets": "PyDataset Sequence",
    ".plotting": "model_to_dot plot_model",
    ".progress": "Progbar",
    ".settings": "clear_session get_source_inputs set_random_seed",
    "..decomposition": "decompose_model",
    "..objects": "custom_object_scope deserialize_keras_object get_custom_objects get_registered_name "
    "get_registered_object register_keras_serializable serialize_keras_object",
}
_MODULE_OF = {name: module for module, names in _FAMILIES.items() for name in names.split()}

_NOTHING_DOWNLOADED = "nothing is downloaded here: read the file where it is"
_REFUSED = {
    "get_file": _NOTHING_DOWNLOADED,
    **dict.fromkeys(
        (
            "FeatureSpace", "array_to_img", "audio_dataset_from_directory", "bounding_boxes", "img_to_array",
            "image_dataset_from_directory", "legacy", "load_img", "pack_x_y_sample_weight", "save_img",
            "text_dataset_from_directory", "timeseries_dataset_from_array", "unpack_x_y_sample_weight",
            "is_keras_tensor", "standardize_dtype", "is_interactive_logging_enabled", "enable_interactive_logging",
            "disable_interactive_logging", "config", "warmstart_embedding_matrix",
        ),
        "it is not built here",
    ),
}  # fmt: skip

__all__ = sorted([*_MODULE_OF, "CustomObjectScope"])  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name == "CustomObjectScope":
        name = "custom_object_scope"
    module = _MODULE_OF.get(name)
    if module is None:
        if name in _REFUSED:
            raise AttributeError(f"there is no keras.utils.{name}: {_REFUSED[name]}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(module, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
