"""Benchmarks of the parts that decide how good a search is: `python -m nas.bench COMMAND`."""
