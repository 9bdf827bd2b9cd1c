"""Choosing λ and the step size: paths, grids, folds."""
