"""A Catalyst 2960-X: IOS command line, Cisco's MIB objects, port security as Cisco documents it."""
