"""Feedscope's model layer: everything that would still make sense without a browser."""

import os

# Waiting OpenMP threads of torch and Faiss sleep. Where they spin, as they do without this, a query takes 1,400 ms in
# place of 6 on a machine of two cores that does other work as well. It is read once, when the first of them is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
