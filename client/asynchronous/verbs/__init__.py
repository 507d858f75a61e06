"""What an asynchronous client does with jobs: the room of this name in the library, for event loops."""
