"""Summaries, drawings, and helpers around data."""

from __future__ import annotations

import numpy as np
import pytest
from netwright import keras
from netwright.keras import layers, utils
from netwright.runtime.errors import UnsupportedError


def model():
    x = keras.Input((6, 6, 2), name="x")
    h = layers.Conv2D(3, 3, name="conv")(x)
    h = layers.Flatten(name="flat")(h)
    inner = keras.Sequential(
        [keras.Input((48,)), layers.Dense(4, name="a"), layers.Dense(2, name="b")], name="inner"
    )
    return keras.Model(
        x, layers.Add(name="sum")([inner(h), layers.Dense(2, name="side", trainable=False)(h)]), name="m"
    )


def lines(model, **options):
    found: list[str] = []
    model.summary(print_fn=found.append, **options)
    return found


def cells(found):
    return [[c.strip() for c in line.strip("│").split("│")] for line in found if line.startswith("│")]


def test_a_summary_names_layers_shapes_and_parameters():
    found = lines(model(), line_length=120)
    assert found[0] == 'Model: "m"'
    assert all(len(line) == 120 for line in found if line[0] in "┏┃┡│├└")
    rows = cells(found)
    assert rows[0] == ["x (InputLayer)", "(None, 6, 6, 2)", "0", "-"]
    assert rows[1] == ["conv (Conv2D)", "(None, 4, 4, 3)", "57", "x[0][0]"]
    assert ["sum (Add)", "(None, 2)", "0", "inner[0][0], side[0][0]"] in rows
    assert found[-3:] == [
        " Total params: 361 (1.41 KB)",
        " Trainable params: 263 (1.03 KB)",
        " Non-trainable params: 98 (392.00 B)",
    ]


def test_a_summary_opens_models_and_says_what_is_trained():
    rows = cells(lines(model(), line_length=140, expand_nested=True, show_trainable=True))
    inner = next(i for i, row in enumerate(rows) if row[0].startswith("inner"))
    assert [row[0] for row in rows[inner + 1 : inner + 3]] == ["└ a (Dense)", "└ b (Dense)"]
    assert {row[0].split()[0]: row[-1] for row in rows if row[0][0] != "└"} == {
        "x": "-", "conv": "Y", "flat": "-", "inner": "Y", "side": "N", "sum": "-",
    }  # fmt: skip


def test_parts_of_a_summary_and_narrow_ones():
    rows = cells(lines(model(), line_length=120, layer_range=["conv", "flat"]))
    assert [row[0] for row in rows] == ["conv (Conv2D)", "flat (Flatten)"]
    assert any("(GlobalAveragePooling2D)" in row[0] for row in cells(lines(
        keras.Sequential([keras.Input((4, 4, 2)), layers.GlobalAveragePooling2D()]), line_length=66
    )))  # fmt: skip
    with pytest.raises(ValueError, match="too short for the summary"):
        lines(model(), line_length=12)
    with pytest.raises(ValueError, match="do not match the layer names"):
        lines(model(), layer_range=["nope", "flat"])


def test_a_summary_counts_the_optimizer(capsys):
    m = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    m.compile("adam", "mse")
    m.train_on_batch(np.ones((4, 3), np.float32), np.ones((4, 2), np.float32))
    m.summary()
    shown = capsys.readouterr().out
    assert "┏" in shown and "Optimizer params: 18 (76.00 B)" in shown
    assert "? " in "\n".join(lines(keras.Sequential([layers.Dense(2)])))


def test_drawings(tmp_path):
    dot = utils.model_to_dot(model(), show_shapes=True, show_dtype=True, show_trainable=True).to_string()
    assert dot.startswith('digraph "m" {\n') and dot.count("{") == dot.count("}")
    assert '"x" -> "conv";' in dot and '"inner" -> "sum";' in dot and '"side" -> "sum";' in dot
    assert (
        r'"conv (Conv2D)\nshape: (None, 6, 6, 2) -> (None, 4, 4, 3)\ndtype: float32\ntrainable"'
        in dot.replace("\\\\n", "\\n")
    )
    nested = utils.model_to_dot(model(), expand_nested=True).to_string()
    assert '"flat" -> "inner/' in nested and '"inner/b" -> "sum";' in nested and "cluster_inner" in nested
    utils.plot_model(model(), tmp_path / "m.dot")
    assert (tmp_path / "m.dot").read_text().startswith('digraph "m"')


def test_pictures_need_graphviz(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnsupportedError, match="expected Graphviz to be installed"):
        utils.plot_model(model(), tmp_path / "m.png")


def test_to_categorical():
    want = np.eye(4, dtype=np.float32)[[0, 2, 3]]
    assert np.array_equal(utils.to_categorical([0, 2, 3]), want)
    assert np.array_equal(utils.to_categorical(np.array([[0], [2], [3]])), want)
    assert utils.to_categorical(np.zeros((2, 3), int), 5).shape == (2, 3, 5)
    assert utils.to_categorical([0], 3).dtype == np.float32


def test_normalize():
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    assert np.allclose(utils.normalize(x), [[0.6, 0.8], [0, 0]])
    assert np.allclose(utils.normalize(x, order=1), [[3 / 7, 4 / 7], [0, 0]])
    assert np.allclose(utils.normalize(keras.ops.convert_to_tensor(x[:1].astype("f"))), [[0.6, 0.8]])
    with pytest.raises(ValueError, match="order"):
        utils.normalize(x, order=0)


def test_pad_sequences():
    given = [[1], [2, 3], [4, 5, 6]]
    assert utils.pad_sequences(given).tolist() == [[0, 0, 1], [0, 2, 3], [4, 5, 6]]
    assert utils.pad_sequences(given, 2, padding="post").tolist() == [[1, 0], [2, 3], [5, 6]]
    assert utils.pad_sequences(given, 2, truncating="post", value=9).tolist() == [[9, 1], [2, 3], [4, 5]]
    assert utils.pad_sequences([[[1, 2]], [[3, 4], [5, 6]]], dtype="float32").shape == (2, 2, 2)
    with pytest.raises(ValueError, match="padding"):
        utils.pad_sequences(given, padding="middle")


def test_split_dataset():
    x = np.arange(10)
    left, right = utils.split_dataset(x, left_size=0.7)
    assert left.tolist() == list(range(7)) and right.tolist() == [7, 8, 9]
    (a, b), (c, d) = utils.split_dataset((x, -x), right_size=4, shuffle=True, seed=1)
    assert (
        np.array_equal(a, -b)
        and np.array_equal(c, -d)
        and sorted([*a, *c]) == list(range(10))
        and len(c) == 4
    )
    with pytest.raises(ValueError, match="At least one"):
        utils.split_dataset(x)
    with pytest.raises(ValueError, match="two parts of 10 samples"):
        utils.split_dataset(x, 8, 8)


def test_batches_by_number():
    class Batches(utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            x = np.full((2, 4), index, np.float32)
            return x, x[:, :1]

    assert utils.Sequence is utils.PyDataset and Batches().num_batches == 3
    assert [int(x[0, 0]) for x, _ in Batches()] == [0, 1, 2]
    m = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    m.compile("sgd", "mse")
    assert len(m.fit(Batches(), epochs=2, verbose=0).history["loss"]) == 2
    with pytest.raises(NotImplementedError, match="num_batches"):
        len(utils.PyDataset())


def test_seeds_make_weights_and_orders_the_same():
    def run():
        utils.set_random_seed(5)
        m = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dropout(0.5), layers.Dense(1)])
        m.compile("sgd", "mse")
        rng = np.random.default_rng(0)
        m.fit(rng.standard_normal((20, 4)), rng.standard_normal((20, 1)), batch_size=5, epochs=2, verbose=0)
        return m.get_weights()

    for a, b in zip(run(), run(), strict=True):
        assert np.array_equal(a, b)


def test_a_bar(capsys):
    bar = utils.Progbar(4, verbose=2, stateful_metrics=["acc"])
    for i in range(4):
        bar.add(1, [("loss", float(i)), ("acc", i / 10)])
    assert capsys.readouterr().out.endswith("- loss: 1.5000 - acc: 0.3000\n")
