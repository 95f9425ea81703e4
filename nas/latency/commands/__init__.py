"""The commands of `python -m nas.latency`, one file each: they parse, call and print."""
