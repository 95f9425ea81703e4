"""Networks of every kind trained by one recipe with several seeds: `python -m nas.compare NETWORK...`.

from nas.compare import compare
found = compare(["results/my-run@17", "mobilenet_v3_small"], data="digits"); found.summary
"""

from typing import TYPE_CHECKING

from nas.common.lazy import exports

if TYPE_CHECKING:
    from nas.compare.run import Comparison, compare

__all__ = ["Comparison", "compare"]
__getattr__, __dir__ = exports(__name__, dict.fromkeys(__all__, "run"))
