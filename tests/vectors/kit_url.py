# SPDX-License-Identifier: Apache-2.0
"""URLs that a device connects to, alone or as an image's URI resolved against the envelope's URL."""

from kit_cases import Kit

urls = Kit("url", ".url", "base", "status", "host", "port", "path", "sentence")
BASE = "https://h/d/e.suit?a=/b/c"


def good(name, sentence, text, host, path="/", port=443, base="-"):
    urls.add(name, text.encode("latin-1"), base, "ok", host, str(port), path, sentence)


def bad(name, text, base="-"):
    urls.add(name, text.encode("latin-1"), base, "url", "-", "-", "-", f"not allowed: {name}")


good("good-path", "host and path", "https://example.org/a/b.suit", "example.org", "/a/b.suit")
good("good-no-path", "no path", "https://example.org", "example.org")
good("good-case", "scheme and host in upper case", "HTTPS://Example.ORG/A", "example.org", "/A")
good("good-port", "a port", "https://h:8443/", "h", port=8443)
good("good-port-1", "port 1", "https://h:1/", "h", port=1)
good("good-port-65535", "port 65535", "https://h:65535/", "h", port=65535)
good("good-query", "a query, no path", "https://h?x=1", "h", "/?x=1")
good("good-query-dots", "dots in a query are no segments", "https://h/a?b/../c", "h", "/a?b/../c")
good("good-ipv4", "an IPv4 address", "https://192.0.2.1/x", "192.0.2.1", "/x")
good("good-ipv6", "an IPv6 address", "https://[2001:DB8::1]:1/x", "2001:db8::1", "/x", 1)
good("good-ipv6-whole", "an IPv6 address without a gap", "https://[1:2:3:4:5:6:7:8]/", "1:2:3:4:5:6:7:8")
good("good-label-63", "a label of 63 characters", f"https://{'a' * 63}.b/", f"{'a' * 63}.b")
good("good-host-253", "a host of 253 characters", f"https://{'abc.' * 63}a/", f"{'abc.' * 63}a")
good("good-path-1023", "a path of 1023 characters", "https://h/" + "p" * 1022, "h", "/" + "p" * 1022)
good("good-escapes", "escapes that encode no control", "https://h/%20%41%7e", "h", "/%20%41%7e")
good("good-characters", "every character of a path", "https://h/-._~!$&'()*+,;=:@/...", "h", "/-._~!$&'()*+,;=:@/...")
good("good-digit-first", "a label that begins with a digit", "https://3d.example/", "3d.example")
for name, text in {
        "empty": "", "http": "http://h/", "ftp": "ftp://h/", "no-scheme": "//h/", "path-only": "/path", "relative": "h/path", "blank-first": " https://h/",
        "one-slash": "https:/h/", "no-host": "https://", "no-host-path": "https:///path", "no-host-port": "https://:443/", "user": "https://user@h/",
        "user-password": "https://user:pw@h/", "port-empty": "https://h:/", "port-0": "https://h:0/", "port-zero-first": "https://h:0443/",
        "port-65536": "https://h:65536/", "port-six-digits": "https://h:100000/", "port-sign": "https://h:+80/", "port-letters": "https://h:8a/",
        "port-2-to-32": "https://h:4294967739/", "host-dot-last": "https://h./x", "host-dot-first": "https://.h/", "host-two-dots": "https://a..b/",
        "host-blank": "https://a b/", "host-escaped": "https://%61/", "host-not-ascii": "https://h\xc3\xa9/", "host-backslash": "https://h\\x/",
        "host-nul": "https://h\0/", "host-newline": "https://h\n/", "label-64": f"https://{'a' * 64}/", "host-254": f"https://{'abc.' * 63}ab/",
        "ipv4-three": "https://1.2.3/", "ipv4-five": "https://1.2.3.4.5/", "ipv4-256": "https://256.1.1.1/", "ipv4-octal": "https://01.2.3.4/",
        "ipv4-number": "https://2130706433/", "ipv4-hex": "https://0x7f000001/", "ipv4-hex-last": "https://127.0.0.0x1/", "ipv6-open": "https://[::1/",
        "ipv6-empty": "https://[]/", "ipv6-behind": "https://[::1]x/", "ipv6-seven": "https://[1:2:3:4:5:6:7]/", "ipv6-nine": "https://[1:2:3:4:5:6:7:8:9]/",
        "ipv6-gap-of-none": "https://[1:2:3:4:5:6:7:8::]/", "ipv6-two-gaps": "https://[1::2::3]/", "ipv6-five-digits": "https://[12345::]/",
        "ipv6-zone": "https://[::1%25eth0]/", "ipv6-ipv4": "https://[::127.0.0.1]/", "ipv6-bare": "https://::1/", "ipv6-name": "https://[h]/",
        "path-1024": "https://h/" + "p" * 1023, "path-blank": "https://h/a b", "path-fragment": "https://h/a#b", "path-percent": "https://h/%",
        "path-percent-one": "https://h/%2", "path-percent-other": "https://h/%zz", "path-percent-nul": "https://h/%00", "path-percent-crlf": "https://h/%0d%0aX:y",
        "path-percent-delete": "https://h/%7f", "path-delete": "https://h/\x7f", "path-nul": "https://h/\0", "path-not-ascii": "https://h/\xc3\xa9",
        "path-brackets": "https://h/<x>", "path-dot": "https://h/.", "path-dots": "https://h/..", "path-dots-inside": "https://h/a/../b",
        "path-dots-before-query": "https://h/a/..?x", "path-dots-escaped": "https://h/%2e%2E/b", "path-dots-half-escaped": "https://h/.%2e/b",
        "path-crlf": "https://h/a\r\nX: y"}.items():
    bad(name, text)
good("uri-relative", "a name beside the envelope", "app.bin", "h", "/d/app.bin", base=BASE)
good("uri-folder", "a folder and a query", "x/app.bin?v=1", "h", "/d/x/app.bin?v=1", base=BASE)
good("uri-absolute", "an absolute path", "/abs/app.bin", "h", "/abs/app.bin", base=BASE)
good("uri-https", "another host", "https://other:1/x", "other", "/x", 1, BASE)
good("uri-base-port", "the envelope's port is kept", "a", "h", "/a", 8443, "https://h:8443/e.suit")
good("uri-colon-later", "a colon behind the first segment", "a/b:c", "h", "/d/a/b:c", base=BASE)
for name, text in {"empty": "", "query": "?q", "fragment": "#f", "host": "//other/x", "http": "http://h/x", "file": "file:x", "colon": "a:b", "up": "../x",
                   "up-later": "x/../y", "dot": "./x", "up-escaped": "x/%2e%2e", "blank": "a b", "fragment-later": "a#b", "https-relative": "https:x",
                   "not-ascii": "\xc3\xa9x", "crlf": "a\r\nb", "nul": "a%00"}.items():
    bad(f"uri-{name}", text, BASE)
