"""Search a space for the best networks under a budget: `python -m nas.search --budget 300MFLOPs`.

from nas.search import search
run = search("300MFLOPs", data="folder:flowers", trials=50); run.front; run.plot_front()
"""

from typing import TYPE_CHECKING

from nas.common.lazy import exports

if TYPE_CHECKING:
    from nas.search.finished import Run
    from nas.search.run import search

__all__ = ["Run", "search"]
__getattr__, __dir__ = exports(__name__, {"Run": "finished", "search": "run"})
