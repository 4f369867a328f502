"""DICOM on the wire: our application entity, TLS, and the associations that we open."""
