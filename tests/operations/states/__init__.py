"""The nodes that docs/operations.md looks at: one file for each, with a context manager
`state(folder)` that yields the path of its config.toml.
"""
