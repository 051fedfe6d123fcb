"""T3, the model that turns text tokens into speech tokens: many sentences at once."""
