"""Voices: the protocol, the profile on disk, and each engine in a file of its own."""
