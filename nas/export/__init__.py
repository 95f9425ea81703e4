"""A trained network as a file that other runtimes read: `python -m nas.export CHECKPOINT --format onnx`.

from nas.export import export
"""

from typing import TYPE_CHECKING

from nas.common.lazy import exports

if TYPE_CHECKING:
    from nas.export.run import Exported, ExportFailed, export

__all__ = ["ExportFailed", "Exported", "export"]
__getattr__, __dir__ = exports(__name__, dict.fromkeys(__all__, "run"))
