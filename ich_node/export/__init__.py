"""`ich-node jobs export`: series that were read, as DICOM files with the verdicts about them."""
