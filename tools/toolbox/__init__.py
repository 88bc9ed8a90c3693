"""The tools' functions, one room a file; `tools.registry` is the table of them."""
