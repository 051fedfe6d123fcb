"""Figures of the system, by `./dev bench`."""

import gpu_job  # noqa: F401  (as in a worker: before numpy)
