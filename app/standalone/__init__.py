"""Everything Packhouse needs to run, as child processes of one command."""
