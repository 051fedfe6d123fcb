"""S3Gen, many rows at once: speech tokens to mel frames (flow.py), these to sound (vocoder.py), both in decoder.py."""
