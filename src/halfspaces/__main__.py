"""`python -m halfspaces`."""

from halfspaces.cli import main

if __name__ == "__main__":
    main()
