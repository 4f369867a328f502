"""What is owed to each destination goes out."""
