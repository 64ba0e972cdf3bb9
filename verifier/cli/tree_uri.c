/* SPDX-License-Identifier: Apache-2.0 */
/* The URI rules of docs/FORMAT.md, "URI", by cutting the text at its delimiters and looking at the
 * pieces. */

#include <string.h>
#include <strings.h>

#include "tree_parts.h"

#define ADDRESS   "0123456789abcdefABCDEF:."
#define ALNUM     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define HOST_SET  ALNUM "-._~!$&'()*+,;=%"
#define PATH_SET  HOST_SET ":@/"
#define QUERY_SET PATH_SET "?"
#define DIGITS    "0123456789"
#define HEX       DIGITS "abcdefABCDEF"
#define PORT_MAX  65535u

/* Only characters of the set, and after each '%' the two hex digits of no control character. */
static bool made_of(const char *text, const char *set)
{
    if (text[strspn(text, set)] != '\0')
        return false;
    for (const char *at = strchr(text, '%'); at != NULL; at = strchr(at + 1, '%')) {
        if (strspn(at + 1, HEX) < 2)
            return false;
        bool below_blank = at[1] == '0' || at[1] == '1';
        bool delete = at[1] == '7' && (at[2] == 'f' || at[2] == 'F');
        if (below_blank || delete)
            return false;
    }
    return true;
}

/* Is the segment, with dots decoded, "." or ".."? */
static bool is_dots(const char *segment, size_t len)
{
    size_t dots = 0;
    while (len > 0) {
        size_t step = 0;
        if (segment[0] == '.')
            step = 1;
        else if (len >= 3 && strncasecmp(segment, "%2e", 3) == 0)
            step = 3;
        if (step == 0)
            return false;
        dots++;
        segment += step;
        len -= step;
    }
    return dots == 1 || dots == 2;
}

static bool path_allowed(const char *path)
{
    if (!made_of(path, PATH_SET))
        return false;
    for (const char *segment = path;; segment++) {
        size_t len = strcspn(segment, "/");
        if (is_dots(segment, len))
            return false;
        segment += len;
        if (*segment == '\0')
            return true;
    }
}

static bool port_allowed(const char *port)
{
    unsigned long value = 0;
    if (*port == '\0' || port[strspn(port, DIGITS)] != '\0')
        return false;
    for (; *port != '\0' && value <= PORT_MAX; port++)
        value = value * 10u + (unsigned long)(*port - '0');
    return value >= 1 && value <= PORT_MAX;
}

/* host [":" port], in a buffer that may be cut up */
static bool authority_allowed(char *authority)
{
    char *behind;
    if (authority[0] == '[') {
        char *closing = strchr(authority, ']');
        if (closing == NULL)
            return false;
        *closing = '\0';
        behind = closing + 1;
        size_t len = strlen(authority + 1);
        if (len < 2 || strspn(authority + 1, ADDRESS) != len)
            return false;
        return *behind == '\0' || (*behind == ':' && port_allowed(behind + 1));
    }
    behind = strchr(authority, ':');
    if (behind != NULL) {
        *behind = '\0';
        if (!port_allowed(behind + 1))
            return false;
    }
    return authority[0] != '\0' && made_of(authority, HOST_SET);
}

static bool https_allowed(char *rest)
{
    char authority[BULLA_URI_MAX + 1u] = "";
    size_t len = strcspn(rest, "/");
    memcpy(authority, rest, len);
    return authority_allowed(authority) && path_allowed(rest + len);
}

static bool reference_allowed(const char *path)
{
    const char *colon = strchr(path, ':');
    const char *slash = strchr(path, '/');
    bool scheme = colon != NULL && (slash == NULL || colon < slash);
    return path[0] != '\0' && !scheme && strncmp(path, "//", 2) != 0 && path_allowed(path);
}

bool tree_uri_allowed(struct bulla_bytes uri)
{
    char text[BULLA_URI_MAX + 1u] = "";
    if (uri.len < 1 || uri.len > BULLA_URI_MAX || memchr(uri.data, '\0', uri.len) != NULL)
        return false;
    memcpy(text, uri.data, uri.len);
    char *query = strchr(text, '?');
    if (query != NULL) {
        *query++ = '\0';
        if (!made_of(query, QUERY_SET))
            return false;
    }
    if (strncasecmp(text, "https://", 8) == 0)
        return https_allowed(text + 8);
    return reference_allowed(text);
}
