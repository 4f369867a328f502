"""Slices -> network input, maps -> peaks -> lesions. Shared with training: no files, sockets,
clock, database or configuration.
"""
