"""The commands, one file each: options, and where the work is done."""
