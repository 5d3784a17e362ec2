"""What is in a data set: shapes, spacings, intensities, classes, burden, and what stands out."""
