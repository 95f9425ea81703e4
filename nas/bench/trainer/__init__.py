"""The trainer against a plain loop, its kernels against torch's."""
