"""The loops of the filters, which numba or llvmlite compile: nothing here knows of torch."""
