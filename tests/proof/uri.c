/* SPDX-License-Identifier: Apache-2.0 */
/* The image URI: any bytes. What is accepted holds nothing that a second reader could take
 * otherwise: no blank, control, backslash, fragment or user-info, no other scheme, no "//host", no
 * dot segment, also percent-encoded. */

#include "bulla/manifest.h"
#include "proof.h"

static uint32_t hex(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10u
           : c >= 'A' && c <= 'F' ? c - 'A' + 10u
                                  : 99u;
}

int main(void)
{
    struct bulla_bytes uri = any_bytes(N);
    const uint8_t *t = uri.data;
    if (bulla_uri_check(uri) != BULLA_OK)
        return 0;
    prove(uri.len >= 1 && uri.len <= BULLA_URI_MAX, "length");
    size_t i = nondet_size(), j = nondet_size();
    assume(i < uri.len && j < i);
    uint8_t c = t[i];
    prove(c > 0x20 && c < 0x7f && c != '\\' && c != '#' && c != '"' && c != '<' && c != '>' &&
              c != '^' && c != '`' && c != '{' && c != '|' && c != '}',
          "only characters of a URI");
    if (c == '%') {
        prove(uri.len - i > 2 && hex(t[i + 1]) < 16 && hex(t[i + 2]) < 16, "two digits");
        prove(hex(t[i + 1]) >= 2 && !(hex(t[i + 1]) == 7 && hex(t[i + 2]) == 15), "no control");
    }
    bool https = uri.len >= 8 && (t[0] | 32) == 'h' && (t[1] | 32) == 't' && (t[2] | 32) == 't' &&
                 (t[3] | 32) == 'p' && (t[4] | 32) == 's' && t[5] == ':' && t[6] == '/' &&
                 t[7] == '/';
    if (!https) {
        prove(uri.len < 2 || t[0] != '/' || t[1] != '/', "no host without a scheme");
        prove(t[0] != '?', "not only a query");
        if (c == ':') { /* a colon behind the first segment is none of a scheme */
            bool behind = false;
            for (size_t k = 0; k < N; k++)
                behind = behind || (k < i && k < uri.len && (t[k] == '/' || t[k] == '?'));
            prove(behind, "no other scheme");
        }
        reached("a path");
    } else {
        bool in_path = false;
        for (size_t k = 8; k < N; k++)
            in_path = in_path || (k < i && (t[k] == '/' || t[k] == '?'));
        prove(c != '@' || in_path, "no user-info");
        prove(uri.len > 8 && t[8] != '/' && t[8] != '?' && t[8] != ':', "a host");
        reached("https");
    }
    /* dot segments in the path: from one '/' (or the start) to the next one, '?' or the end */
    bool query = false;
    for (size_t k = 0; k < N; k++)
        query = query || (k < i && t[k] == '?');
    size_t from = i;
    if (!query && (c == '/' || (i == 0 && !https)))
        from = c == '/' ? i + 1 : 0;
    size_t at = from, dots = 0;
    for (size_t k = 0; k < 3 && at < uri.len; k++) {
        if (t[at] == '.')
            dots++, at++;
        else if (uri.len - at > 2 && t[at] == '%' && t[at + 1] == '2' && (t[at + 2] | 32) == 'e')
            dots++, at += 3;
    }
    bool ends = at >= uri.len || t[at] == '/' || t[at] == '?';
    if ((c == '/' || i == 0) && !query && !(https && i < 8))
        prove(!(ends && (dots == 1 || dots == 2)), "no dot segment");
    return 0;
}
