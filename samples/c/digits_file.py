"""Writes the training digits into a file for C: int32 count, float32 images [count, 28, 28], int32 labels.

python samples/c/digits_file.py digits.bin
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import digits_data


def main(path: str) -> None:
    (x, y), _ = digits_data.load()
    with open(path, "wb") as file:
        for part in (np.int32(len(x)), x.astype(np.float32), y.astype(np.int32)):
            file.write(np.ascontiguousarray(part).tobytes())


if __name__ == "__main__":
    main(sys.argv[1])
