"""DICOM on the network: application entity, TLS, associations that we open and that we accept."""
