"""Figures: data from reviews, laid out once, drawn as inline SVG or by matplotlib."""
