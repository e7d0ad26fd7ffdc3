"""The lab's terminal: a guest in QEMU with Debian's own kernel, whose USB stack is the real one.

guest      kernel and initial file system, from Debian's packages and the agent's code; kept in a cache
vm         one running guest: commands in it, USB plugged into it, power cut
fleet      snapshots: one slow start, then a guest per test within a second
gadget     USB devices of any identity and shape, made inside the guest
api        a guest for a person, with a console
"""
