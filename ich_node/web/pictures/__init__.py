"""Pictures of the slices of a series, for the viewer.

::

    images.py     which images a job has, in the order of its slices
    frames.py     decoded pixels, the newest of them in memory
    windows.py    windows: presets, and what a visitor asks for
    layers.py     a slice, its likelihood map and its thumbnail as PNG
    pictures.py   all of it for one node

A picture holds nothing about the patient but the pixels. It never needs torch, SciPy or
scikit-image.
"""
