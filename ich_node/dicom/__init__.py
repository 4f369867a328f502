"""Facts of DICOM that several rooms share."""
