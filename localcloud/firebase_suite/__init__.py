"""The official Firebase Emulator Suite, in the place of the local cloud's own Firebase: `./dev emulators`."""
