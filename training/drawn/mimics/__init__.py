"""What is mistaken for blood, and what hides it: drawn whether or not there is blood."""
