"""DICOM datasets -> a Series of Slices in Hounsfield units, or a named Refusal."""
