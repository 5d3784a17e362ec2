"""``python -m hilum``: the same as the command ``hilum``."""

from hilum.cli.app import main

if __name__ == "__main__":
    main()
