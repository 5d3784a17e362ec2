"""How good results are: overlap, surfaces, agreement, intervals, and the committed evaluation of films."""
