"""`python -m netwright`."""

import sys

from .frontends.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
