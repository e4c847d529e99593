"""`keras.applications` is refused by name."""

raise ImportError(
    "there is no keras.applications: trained networks are not part of this package, and nothing is downloaded; read a "
    "model's file with keras.models.load_model"
)
