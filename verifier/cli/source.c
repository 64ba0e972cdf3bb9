/* SPDX-License-Identifier: Apache-2.0 */
/* Opens what is to be judged. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "verify.h"

enum bulla_status verify_file_open(const char *path, int *fd, char why[VERIFY_WHY_MAX])
{
    struct stat about;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd >= 0 && fstat(*fd, &about) == 0 && !S_ISDIR(about.st_mode))
        return BULLA_OK;
    int reason = *fd < 0 ? errno : EISDIR;
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
    (void)snprintf(why, VERIFY_WHY_MAX, "%s: %s", path, strerror(reason));
    return BULLA_E_IO;
}

bool verify_is_url(const char *source)
{
    return strncasecmp(source, "https://", 8) == 0;
}

enum bulla_status verify_source_open(const struct verify_options *options, const char *source,
                                     int *fd, char why[VERIFY_WHY_MAX])
{
    if (verify_is_url(source))
        return verify_fetch(source, options->pins, options->pin_count, fd, why);
    return verify_file_open(source, fd, why);
}
