"""`python -m rnnmusic` is the command `rnnmusic`."""

from rnnmusic_cli.main import main

if __name__ == "__main__":
    main()
