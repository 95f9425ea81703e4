"""Data sets as memory-mapped arrays: folders of images, CIFAR-10, the digits. `python -m nas.data` describes one.

dataset = load("folder:flowers", resolution=64); dataset.train()
"""

from typing import TYPE_CHECKING

from nas.common.lazy import exports

if TYPE_CHECKING:
    from nas.data.dataset import Dataset, Split, load

__all__ = ["Dataset", "Split", "load"]
__getattr__, __dir__ = exports(__name__, dict.fromkeys(__all__, "dataset"))
