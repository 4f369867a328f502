"""ich-node: a DICOM node that reads head CT for intracranial hemorrhage. For research use; not a
medical device.
"""

# Of a source tree: the next release, in work. In a wheel setup.py writes the wheel's version here.
__version__ = "0.2.0.dev0"
