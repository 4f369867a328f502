"""The size of the runs that the tests train: seconds of one core."""

SIZE_PX = 64
TRAINING, VALIDATION = 32, 16  # slices
SHORT = ("--epochs", 1, "--batch", 8, "--workers", 0, "--size", SIZE_PX)
