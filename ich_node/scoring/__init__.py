"""How good an answer is: points and boxes counted, ROC, FROC, intervals, calibration. Pure."""
