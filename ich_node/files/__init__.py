"""DICOM series in folders, read without the node."""
