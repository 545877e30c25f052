"""What every package format shares: one file per use case."""
