"""An H3C S5130S: Comware 7 command line, H3C's MIB objects, port security as H3C documents it."""
