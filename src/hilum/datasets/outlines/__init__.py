"""Outlines of annotation tools: COCO and VIA, polygons and run lengths, to masks and from them."""
