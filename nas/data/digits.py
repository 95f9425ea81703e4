"""scikit-learn's handwritten digits: 1,797 images that are there wherever it is installed."""

import numpy as np

from nas.data.folders import Content
from nas.data.pictures import Item


def read_digits() -> Content:
    """Return scikit-learn's digits, 8x8 in 17 grey levels; every fifth image of a class is for testing."""
    from sklearn.datasets import load_digits  # takes a second: only when nothing is cached

    digits = load_digits()
    grey = np.round(digits.images * (255 / 16)).astype(np.uint8)
    train: list[Item] = []
    test: list[Item] = []
    for label in range(10):
        for n, index in enumerate(np.flatnonzero(digits.target == label)):
            part, name = (test, "test") if n % 5 == 4 else (train, "train")
            part.append(Item(f"{name}/{label}/{index:04d}", label, grey[index]))
    return Content(tuple(map(str, range(10))), train, test)
