"""The entry."""

import sys

from scripts.suite.command import main

sys.exit(main(sys.argv[1:]))
