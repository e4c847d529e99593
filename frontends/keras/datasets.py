"""`keras.datasets` is refused by name."""

raise ImportError("there is no keras.datasets: nothing is downloaded; read the data with numpy")
