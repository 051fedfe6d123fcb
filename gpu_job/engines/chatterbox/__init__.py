"""Resemble AI's Chatterbox family: its own modules and weights, our loading, decoding and batching."""
