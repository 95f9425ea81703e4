"""Jobs, and Ray Tune, which executes them and nothing else."""
