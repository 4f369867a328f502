"""How good an answer is: scores, calibration."""
