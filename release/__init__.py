"""What makes a release: the version, its section of the CHANGELOG, licences, sizes."""
