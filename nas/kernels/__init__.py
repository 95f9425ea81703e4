"""Fast paths of the trainer: our own depthwise gradients, and measured choices between ways to compute."""
