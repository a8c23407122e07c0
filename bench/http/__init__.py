"""`./ruta bench http`: what accepting by HTTP costs, and whether who floods slows anybody but itself."""
