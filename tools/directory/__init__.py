"""The directory of services in the words of HSDS 3.0, out and in."""
