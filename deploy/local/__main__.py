"""`./ruta` arrives here once the environment is there."""

from deploy.local.cli import main

main()
