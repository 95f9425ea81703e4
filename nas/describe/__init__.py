"""A network layer by layer, as a table and as a drawing: `python -m nas.describe NETWORK`."""
