"""The listener's side of an association: what of pynetdicom is replaced, and why."""
