"""What ops cost and how to run them: FLOPs, bytes, tiles, algorithms. Measurements never enter here."""
