"""Linear recurrences as IIR filters: forms, kernels, learnable modules, design, fit, export."""
