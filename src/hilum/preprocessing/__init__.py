"""What is done to pixels before a network sees them, in training and in use alike."""
