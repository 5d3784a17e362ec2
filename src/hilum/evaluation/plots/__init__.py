"""Plots for papers, with matplotlib (extra ``lab``): curves, boxes, bubbles, agreement; as PNG, SVG or PDF."""
