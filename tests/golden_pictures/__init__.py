"""What the invoice is meant to look like, and the documents it is drawn from."""

from pathlib import Path

HERE = Path(__file__).parent
