"""What others have printed: accuracy, cost and latency of known networks, memories of boards, each with its source.

The tables are `results/published/*.csv`; `results/README.md` says what a column means and how rows were
chosen. None of these figures was measured by this project, and each source trained by a recipe of its own.
"""

import re
from functools import cache
from importlib import resources

import pandas as pd

_WHOLE_NUMBERS = ("resolution", "groups", "params", "macs", "epochs", "batch_size", "flash_kb", "ram_kb")


def imagenet() -> pd.DataFrame:
    """ImageNet top-1 accuracy of float networks, one row a configuration.

    Columns: family, model, width, resolution, groups, params, macs (plain counts), top1_percent, source.
    """
    return _table("imagenet.csv").copy()


def cifar10() -> pd.DataFrame:
    """CIFAR-10 test accuracy as printed by public repositories.

    Columns: family, model, width, groups, params, macs (plain counts, 32x32), top1_percent, epochs,
    batch_size, learning_rate, weight_decay, augmentation, source, note.
    """
    return _table("cifar10.csv").copy()


def elsewhere() -> pd.DataFrame:
    """Costs as printed elsewhere than in the row of `imagenet()`: its columns without accuracy."""
    return _table("elsewhere.csv").copy()


def contradicted() -> pd.DataFrame:
    """Figures that a count contradicts: the columns of `imagenet()` without accuracy, and a reason."""
    return _table("contradicted.csv").copy()


def reasons() -> pd.DataFrame:
    """Why figures of `imagenet()` differ from a count: model, width, resolution, groups, figure, reason."""
    return _table("reasons.csv").copy()


def boards() -> pd.DataFrame:
    """Flash and RAM of microcontrollers, in KB of 1024 bytes: board, chip, flash_kb, ram_kb, source, note.

    `flash_kb` is missing where a chip has none of its own.
    """
    return _table("boards.csv").copy()


def plain(name: str) -> str:
    """`name` in lower case, with nothing but its letters and digits (and `+`, which tells models apart)."""
    return re.sub(r"[^a-z0-9+]", "", name.lower())


@cache
def _table(name: str) -> pd.DataFrame:
    # Looked up from this package rather than as the import `results`: under an editable install, a folder
    # `results/` of runs in the user's working directory is found before ours. In a checkout and in an
    # installed wheel alike, `results` lies beside `nas`.
    path = resources.files("nas").joinpath("..", "results", "published", name)
    with path.open(encoding="utf-8") as file:
        table = pd.read_csv(file)
    return table.astype({column: "Int64" for column in _WHOLE_NUMBERS if column in table})
