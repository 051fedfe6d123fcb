"""The worker: takes jobs, makes voices and stories, writes what it has made."""

import os

# numpy reads it when it is imported. Our matrices are small, and OpenBLAS' other threads spin for a while after each
# product: on two cores that took 0.009 s of CPU for a second of audio, more than a third of all mastering and encoding.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
