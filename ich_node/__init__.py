"""ich-node: a DICOM node that reads head CT for intracranial hemorrhage. For research use; not a
medical device.
"""

from importlib.metadata import version

__version__ = version("ich-node")
