"""Examples in rows, visited block by block."""
