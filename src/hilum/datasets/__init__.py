"""Sets of images with masks, scores and splits."""
