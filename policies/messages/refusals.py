"""Why the controller does not answer a terminal's request for a certificate: codes for machines, sentences for people.

Over HTTPS only the code travels, so that the terminal says it in its own language.
"""

from __future__ import annotations

from collections.abc import Mapping

from policies.texts import Text, t

_ANEW = t("make a new bundle with 'portseal terminal enroll'")

#: The code, and the sentence.
CODES: Mapping[str, Text] = {
    "token": t("the controller knows no such enrolment: the bundle is another controller's, or a newer one was made"),
    "used": t("this bundle has been used already, by another request"),
    "expired": t("this bundle has expired, by the controller's clock"),
    "changed": t("the terminal was given another bundle than the controller has made: somebody changed it on its way"),
    "certificate": t("the certificate or the key of the terminal is not one that the controller trusts now"),
    "often": t("too many certificates were asked for in one day"),
    "kind": t("the request is of another kind than is answered here"),
    "malformed": t("the controller does not understand the request"),
    "busy": t("the controller takes no more tries for now"),
    "failed": t("the controller could not do it"),
}
#: What to do then.
NEXT: Mapping[str, Text] = {
    "token": _ANEW,
    "used": t("find out who used it; then make a new bundle with 'portseal terminal enroll'"),
    "expired": _ANEW,
    "changed": t("find out who carried it; then make a new bundle with 'portseal terminal enroll'"),
    "certificate": _ANEW,
    "often": t("find out what asks so often; try again tomorrow"),
    "kind": t("compare the versions of Portseal on both sides"),
    "malformed": t("compare the versions of Portseal on both sides"),
    "busy": t("wait a minute, then try again"),
    "failed": t("read the controller's log, then try again"),
}
