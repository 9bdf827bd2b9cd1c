"""Rows that are no array of NumPy: bfloat16, and rows on a card or streamed to one."""
