"""How each exercise is judged: what its functions return, on data that hand-ins do not know."""
