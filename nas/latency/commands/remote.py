"""A file that measures on another device: `python -m nas.latency remote-table board.pyz`."""
