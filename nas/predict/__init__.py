"""Name the classes of images by a trained network: `python -m nas.predict CHECKPOINT IMAGE|FOLDER...`.

from nas.predict import predict
"""

from typing import TYPE_CHECKING

from nas.common.lazy import exports

if TYPE_CHECKING:
    from nas.predict.predicting import ImagePrediction, Predictions, predict

__all__ = ["ImagePrediction", "Predictions", "predict"]
__getattr__, __dir__ = exports(__name__, dict.fromkeys(__all__, "predicting"))
