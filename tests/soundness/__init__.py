"""Thousands of seeded adversarial fits: no false bound, no worse W, no raw exception."""
