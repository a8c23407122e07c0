"""The commands of `./ruta` by what they are about; those that stand alone are in deploy/local/cli.py."""
