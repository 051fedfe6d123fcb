"""Text to a finished file: pieces ▸ (an engine speaks) ▸ assembly ▸ encoding. No network and no engine in here."""
