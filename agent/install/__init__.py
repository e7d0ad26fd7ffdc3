"""Setting a terminal up and taking it down again: a plan, its careful application, and a trial that undoes itself."""
