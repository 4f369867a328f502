"""ich-node: a DICOM node that reads head CT for intracranial hemorrhage. For research use; not a
medical device.
"""

__version__ = "0.1.0"
