"""The console's pages in every state that they can be in, for a browser: `./ruta screenshots`, and tests."""
