"""Training, the only part of Hilum that imports torch: recipes in, a network with its card out."""
