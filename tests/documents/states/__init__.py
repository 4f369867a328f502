"""The nodes that the documents look at: one file for each, with a context manager
`state(folder)` that yields the path of its config.toml.
"""
