"""Approximate inverse Hessians for quasi-Newton and proximal Newton steps."""
