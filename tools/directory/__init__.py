"""The directory of services in the words of HSDS 3, out and in."""
