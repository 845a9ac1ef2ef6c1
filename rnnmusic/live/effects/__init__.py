"""Effects: filters and networks on a sound card or in JACK."""
