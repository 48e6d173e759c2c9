"""Ask falcogate instead of scraping Falco's log.

check_falco_alerts has the signature that AEGIS specifies, and verify_shadow gives the dict
that its shadow verification reads. Both need Python 3.9 and nothing else, and neither ever
passes without an answer: whatever goes wrong, passed is False and the text says why.

Environment:
  FALCOGATE_SERVER      URL of the API, http://falcogate.falco:8080 unless set
  FALCOGATE_SERVER_CA   CA file of an https server
  FALCOGATE_TOKEN_FILE  file with the bearer token, read anew for each question; in a pod
                        the projected one of docs/access.md is found by itself
"""

import json
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime

POD_TOKEN = "/var/run/secrets/falcogate.dev/serviceaccount/token"

# What an answer must have, and of which type. Anything else is no answer of falcogate's.
MEMBERS = {
    "tool": str, "passed": bool, "skipped": bool, "reason": str, "namespace_filter": str,
    "falco_namespace": str, "label_selector": str, "since_timestamp": str, "since_minutes": int,
    "severity_threshold": str, "alert_count": int, "summary": dict, "alerts": list,
    "raw_lines_count": int, "stderr": str,
}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The API redirects nowhere, and the token is for one server."""

    def redirect_request(self, *_):
        return None


def _token():
    path = os.environ.get("FALCOGATE_TOKEN_FILE", "")
    if not path and os.path.exists(POD_TOKEN):
        path = POD_TOKEN
    if not path:
        return None
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def _timestamp(since):
    """T as the API takes it. A time without a zone could be any."""
    if isinstance(since, datetime):
        if since.tzinfo is None:
            raise ValueError(f"{since.isoformat()} has no zone: use datetime.now(timezone.utc)")
        since = since.isoformat()
    return str(since)


def _problem(error):
    """The sentence of a problem (RFC 9457), or the status alone."""
    try:
        problem = json.loads(error.read(64 << 10))
        detail = ": ".join(filter(None, [problem.get("parameter"), problem.get("detail")]))
    except (ValueError, AttributeError, OSError):
        detail = ""
    return f"falcogate answered {error.code}: {detail or error.reason}"


def _ask(parameters, timeout_seconds):
    server = os.environ.get("FALCOGATE_SERVER", "http://falcogate.falco:8080")
    url = server.rstrip("/") + "/v1/verdict?" + urllib.parse.urlencode(parameters)
    request = urllib.request.Request(url, headers={"Accept": "application/json"})
    token = _token()
    if token:
        request.add_header("Authorization", "Bearer " + token)
    context = ssl.create_default_context(cafile=os.environ.get("FALCOGATE_SERVER_CA") or None)
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=context))
    with opener.open(request, timeout=timeout_seconds) as response:
        answer = json.load(response)
    if not isinstance(answer, dict) or any(type(answer.get(name)) is not kind for name, kind in MEMBERS.items()):
        raise ValueError(f"{server} answers, and not as falcogate does")
    return answer


def _unanswered(namespace, severity_threshold, why):
    return {
        "tool": "falco", "passed": False, "skipped": False, "reason": "inconclusive: " + why,
        "namespace_filter": namespace, "falco_namespace": "", "label_selector": "", "since_timestamp": "", "since_minutes": 0,
        "severity_threshold": severity_threshold, "alert_count": 0,
        "summary": {"critical": 0, "error": 0, "warning": 0, "other": 0}, "alerts": [], "raw_lines_count": 0, "stderr": why,
    }


def verify_shadow(namespace, since_timestamp, severity_threshold="WARNING", timeout_seconds=30, **parameters):
    """The dict of AEGIS' shadow verification, about a namespace since T.

    since_timestamp is a datetime with a zone, or a text such as 2026-11-23T06:26:40Z.
    parameters are others of the API, such as pod="web-*" or vcluster="dev/shadow". It blocks
    for timeout_seconds at most, and waits that long for the proof to reach the window's end.
    """
    try:
        question = {
            **parameters, "format": "aegis", "namespace": namespace, "since": _timestamp(since_timestamp),
            "severity": severity_threshold, "wait": f"{max(0, timeout_seconds - 5)}s",
        }
        return _ask(question, timeout_seconds)
    except urllib.error.HTTPError as error:
        with error:
            return _unanswered(namespace, severity_threshold, _problem(error))
    except (OSError, ValueError) as error:  # away, slow, another's certificate, no JSON
        return _unanswered(namespace, severity_threshold, f"falcogate was not asked: {error}")


def check_falco_alerts(namespace, since_timestamp, severity_threshold="WARNING", timeout_seconds=30):
    """AEGIS' specified check: {passed, alert_count, alerts, error}. error is None for a pass
    and a fail, else it says why nothing is known."""
    answer = verify_shadow(namespace, since_timestamp, severity_threshold, timeout_seconds)
    known = answer["passed"] or not answer["reason"].startswith("inconclusive: ")
    return {
        "passed": answer["passed"], "alert_count": answer["alert_count"], "alerts": answer["alerts"],
        "error": None if known else answer["reason"],
    }
