"""The lab's Linux switch: a guest in QEMU whose ports are bridge ports of Debian's own kernel, behind real OpenSSH.

image      kernel and initial file system, from Debian's packages; kept in the terminals' cache
switch     one running switch: frames in and out of its ports, its power cut
"""
