"""The words of CT headers in eight languages, and how they are found in text."""
