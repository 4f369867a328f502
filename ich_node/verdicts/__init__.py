"""What radiologists say about series: tables (`ich-node verdicts import`) and signed messages."""
