"""Single lesions of films by Mask R-CNN: recipes, training, prediction and export."""
