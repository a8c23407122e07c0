"""Side-by-side measurements: Ruta, plain nameko, FastStream, and the tightest loop that can be written by hand."""
