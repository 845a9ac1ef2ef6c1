"""New music from a generator: scores with `generate`, sound with `sound`, steps with `Sampler`.

They stand on torch; import them from their modules, so that `guard` costs nothing without it.
"""
