"""The worked example: three agent tables of a live product, and the schema that its team wants.

The situation is that of a real consolidation: `agents` locked to one industry, two legacy tables beside it. All rows
are made by a generator with a fixed seed; names and contents are invented.
"""
