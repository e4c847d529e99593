"""A network of 5x5 and 7x7 convolutions reads handwritten digits with half and a quarter of its FLOPs: its layers
become pairs of one-dimensional convolutions, and a few epochs win the accuracy back that this costs."""

import time

import digits_data
import netwright as nw
import numpy as np
from netwright import keras

EPOCHS = 3


def build():
    """The network; also for `netwright compile decompose_digits.py:build --train … --decompose-conv …`."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 5, padding="same", activation="relu", name="conv1"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 5, padding="same", activation="relu", name="conv2"),
            layers.Conv2D(64, 7, padding="same", activation="relu", name="conv3"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 5, padding="same", activation="relu", name="conv4"),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.3),
            layers.Dense(10, name="scores"),
        ],
        name="digits",
    )


def prepare(model, rate):
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )


def main(timed=False):
    """The network's accuracy in per cent, and for each share of the FLOPs that without training and after each
    epoch; `timed` also prints how long the convolutions take."""
    keras.utils.set_random_seed(5)
    (x, y), (tx, ty) = digits_data.load()

    def accuracy(m):
        return 100 * m.evaluate(tx, ty, verbose=0)[1]

    model = build()
    for rate, epochs in ((1e-3, 8), (2e-4, 3)):
        prepare(model, rate)
        model.fit(x, y, batch_size=32, epochs=epochs, verbose=0)
    before, found = accuracy(model), {}
    print(f"the network: {before:.2f} % of the test images")
    for share in (0.5, 0.25):
        small, rows = keras.utils.decompose_model(model, flops=share, force=True)
        prepare(small, 1e-4)
        found[share] = [accuracy(small)]
        for _ in range(EPOCHS):
            small.fit(x, y, batch_size=32, epochs=1, verbose=0)
            found[share].append(accuracy(small))
        report(rows, found[share])
        if timed:
            report_times(model, small, rows)
    return before, found


def report(rows, accuracies):
    flops, left = flops_of(rows)
    print(f"\n{flops / left:.1f} times fewer FLOPs an image, {left / 1e6:.1f} of {flops / 1e6:.1f} million:")
    for r in rows:
        ranks = f"rank {r['rank']} of {r['full_rank']}, {r['order']}" if r["rank"] else "as it is"
        print(f"  {r['layer']:13} {r['kernel']:9} {ranks:24} error {r['weight_error']:.2f}")
    after = ", ".join(f"{a:.2f}" for a in accuracies[1:])
    print(f"  {accuracies[0]:.2f} % of the test images; after 1 to {EPOCHS} epochs {after} %")


def flops_of(rows):
    return [sum(r[f"flops_{k}"] for r in rows) for k in ("before", "after")]


def report_times(model, small, rows, batch=32):
    """Times the convolutions that were decomposed: by the best kernel there is, by the direct one, and as pairs."""
    made = [r for r in rows if r["rank"] and "x1" in r["order"]]
    names = [r["layer"].rpartition("/")[2] for r in made]
    times = [layer_times(model.get_layer(n), small.get_layer(n), batch) for n in names]
    direct, pairs = (1e3 / batch * sum(t[k] for t in times) for k in (1, 2))
    best = 1e3 / batch * sum(min(t[:2]) for t in times)
    flops, left = flops_of(made)
    print(
        f"  {' and '.join(names)}, {flops / left:.1f} times fewer FLOPs: {pairs:.3f} ms an image, {pairs / best:.2f} "
        f"of the best kernels' {best:.3f}, {pairs / direct:.2f} of the direct ones' {direct:.3f}"
    )


def layer_times(old, new, batch):
    """Medians of interleaved calls on one thread, in seconds: as chosen, by the direct kernel, as a pair."""
    shape = old.input.shape[1:]
    calls, times = [], []
    for layer, precise in ((old, False), (old, True), (new, False)):
        alone = keras.Sequential([keras.Input(shape), layer])
        calls.append(nw.compile(alone, batch=batch, threads=1, precise=precise))
    x = np.random.default_rng(0).uniform(size=(batch, *shape)).astype(np.float32)
    for _ in range(41):
        row = []
        for call in calls:
            start = time.perf_counter()
            call(x)
            row.append(time.perf_counter() - start)
        times.append(row)
    return np.median(times[1:], axis=0)


if __name__ == "__main__":
    before, found = main(timed=True)
    if found[0.5][-1] < before - 0.3:
        raise SystemExit("half of the FLOPs cost more than 0.3 points")
