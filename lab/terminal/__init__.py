"""The lab's terminal: a guest in QEMU with Debian's own kernel, whose USB stack is the real one.

guest      kernel and initial file system, from Debian's packages and the agent's code; kept in a cache
vm         one running guest: USB plugged into it, power cut
inside     commands, files and looks in it
volatile   a disk for it that loses in a power cut what was not flushed
fleet      snapshots: one slow start, then a guest per test within a second
sealed     a guest with the agent at work, and the controller's part
image      the disk of an installed terminal: systemd, udev, an initramfs
installed  a guest that boots from it
gadget     hubs full of devices, and USB devices of any identity and shape, made inside the guest
api        a guest for a person, with a console
"""
