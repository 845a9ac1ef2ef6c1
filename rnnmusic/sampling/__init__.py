"""New music from a generator: whole pieces with `generate`, step by step with `Sampler`.

Both stand on torch; import them from their modules, so that `guard` costs nothing without it.
"""
