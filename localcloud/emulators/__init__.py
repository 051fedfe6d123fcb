"""Google's own Firestore and Pub/Sub emulators, found or fetched, started, cleared and stopped."""
