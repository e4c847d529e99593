"""Fits a line with a training loop of one's own: variables, a tape, and gradients.

The loop runs a thousand times and is compiled once.
"""

import netwright as nw
import numpy as np
from netwright import ops


def main() -> tuple[float, float]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000).astype(np.float32)
    y = 3 * x + 2 + rng.normal(size=1000).astype(np.float32)
    w, b = nw.Variable(5.0, name="w"), nw.Variable(0.0, name="b")
    for step in range(1000):
        with nw.GradientTape() as tape:
            loss = ops.mean(ops.square(w * x + b - y))
        dw, db = tape.gradient(loss, [w, b])
        w.assign_sub(0.1 * dw)
        b.assign_sub(0.1 * db)
        if step % 250 == 0:
            print(f"step {step}: loss {float(loss):.4f}, w {float(w):.4f}, b {float(b):.4f}")
    print(f"w {float(w):.4f}, b {float(b):.4f}")
    return float(w), float(b)


if __name__ == "__main__":
    main()
