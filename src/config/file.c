#include "coatcheck/config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>
#include "foreign_internal.h"
#include "registry_internal.h"
#include "value_internal.h"
#include "words_internal.h"
#include "coatcheck/base/file.h"
#include "coatcheck/base/log.h"

/* A file that includes itself ends here. */
#define INCLUDE_DEPTH 16

static char path_now[PATH_MAX];
static unsigned depth;

const char *config_path(void)
{
    return path_now;
}

static bool fail(struct text *why, const char *place, const char *sentence)
{
    text_addf(why, "%s: %s", place, sentence);
    return false;
}

static bool fail_words(struct text *why, const char *place, enum status status)
{
    switch (status) {
    case MALFORMED:
        return fail(why, place, "a quote is left open, or something sticks to a closing one");
    case TOO_BIG:
        text_addf(why, "%s: more than %d words", place, WORDS_MAX);
        return false;
    default:
        return fail(why, place, status_text(status));
    }
}

static bool fail_value(struct text *why, const char *place, const struct option_row *row,
                       struct bytes given, enum put put, const struct text *reason)
{
    text_addf(why, "%s: option '%s' ", place, row->name);
    if (row->flags & OPTION_SECRET) {
        text_addf(why, "was given a value that cannot be: ");
    } else {
        text_addf(why, "was given ");
        text_add_quoted(why, given);
        text_addf(why, ": ");
    }
    if (put == PUT_MALFORMED && row->kind != OPTION_TEXT) {
        value_expectation(row, why);
        text_addf(why, " was expected");
    } else {
        text_add(why, text_bytes(reason));
    }
    return false;
}

static bool read_own(const struct option_row *row, const struct words *words, const char *place,
                     struct text *why)
{
    bool many = row->flags & (OPTION_LIST | OPTION_REPEATS);
    struct text value = {0}, reason = {0};
    enum put put;

    if (words->count < 2 || (!many && words->count > 2)) {
        text_addf(why, "%s: option '%s' takes %s, ", place, row->name,
                  many ? "one or more words" : "one value");
        value_expectation(row, why);
        text_addf(why, "; %u were given", words->count - 1);
        return false;
    }
    words_join(words, 1, &value);
    if (text_failed(&value)) {
        text_fini(&value);
        return fail(why, place, status_text(NO_MEMORY));
    }
    put = registry_put(row, text_bytes(&value), place, &reason);
    if (put != PUT_DONE) fail_value(why, place, row, text_bytes(&value), put, &reason);
    text_fini(&value);
    text_fini(&reason);
    return put == PUT_DONE;
}

static bool read_foreign(const struct words *words, const char *place, struct text *why)
{
    struct text value = {0};
    const char *reason;
    enum foreign verdict;
    struct bytes name = words->at[0];
    bool failed;

    words_join(words, 1, &value);
    verdict = foreign_judge(name, text_bytes(&value), &reason);
    failed = text_failed(&value);
    text_fini(&value);
    if (failed) return fail(why, place, status_text(NO_MEMORY));
    switch (verdict) {
    case FOREIGN_SAME:
        return true;
    case FOREIGN_HARMLESS:
        log_warning("%s: option '%.*s' of Redis has no effect: %s", place, (int)name.len, name.at,
                    reason);
        return true;
    case FOREIGN_REFUSED:
        text_addf(why, "%s: option '%.*s' of Redis cannot be honoured: %s", place, (int)name.len,
                  name.at, reason);
        return false;
    case FOREIGN_UNKNOWN:
        break;
    }
    text_addf(why, "%s: there is no option ", place);
    text_add_quoted(why, name);
    return false;
}

static bool read_lines(struct bytes content, const char *path, struct text *why)
{
    char place[PATH_MAX + 32];
    unsigned number = 0;

    while (content.len > 0) {
        const char *end = memchr(content.at, '\n', content.len);
        struct bytes line = bytes_of(content.at, end ? (size_t)(end - content.at) : content.len);

        snprintf(place, sizeof place, "%s:%u", path, ++number);
        if (!config_read_line(line, place, why)) return false;
        content = bytes_of(content.at + line.len + !!end, content.len - line.len - !!end);
    }
    return true;
}

static bool read_file(const char *path, struct text *why)
{
    bool standard_input = strcmp(path, "-") == 0;
    int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct text content = {0};
    bool good;

    if (fd < 0) return fail(why, path, strerror(errno));
    good = file_read_from(fd, &content);
    if (!good) {
        fail(why, path, strerror(errno));
    } else {
        good = read_lines(text_bytes(&content), standard_input ? "standard input" : path, why);
    }
    if (!standard_input) close(fd);
    text_fini(&content);
    return good;
}

/* A pattern that matches nothing includes nothing; a plain path must be there. */
static bool include_all(const char *pattern, const char *place, struct text *why)
{
    glob_t found = {0};
    bool good = true;

    if (!strpbrk(pattern, "*?[")) return read_file(pattern, why);
    switch (glob(pattern, 0, NULL, &found)) {
    case 0:
        break;
    case GLOB_NOMATCH:
        return true;
    default:
        return fail(why, place, "the files to include cannot be listed");
    }
    for (size_t i = 0; i < found.gl_pathc && good; i++) good = read_file(found.gl_pathv[i], why);
    globfree(&found);
    return good;
}

static bool is_printable(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f) return false;
    }
    return true;
}

static bool include(const struct words *words, const char *place, struct text *why)
{
    char path[PATH_MAX];
    bool good;

    if (words->count != 2 || words->at[1].len == 0) {
        return fail(why, place, "option 'include' takes one path");
    }
    /* Messages name the path, and must stay one line. */
    if (words->at[1].len >= sizeof path || !is_printable(words->at[1])) {
        return fail(why, place, "the path to include is too long, or holds a control character");
    }
    if (depth == INCLUDE_DEPTH) return fail(why, place, "files include each other too deep");
    memcpy(path, words->at[1].at, words->at[1].len);
    path[words->at[1].len] = 0;
    depth++;
    good = include_all(path, place, why);
    depth--;
    return good;
}

static bool read_words(const struct words *words, const char *place, struct text *why)
{
    const struct option_row *row;

    if (words->count == 0) return true;
    if (bytes_is(words->at[0], "include")) return include(words, place, why);
    row = config_find(words->at[0]);
    if (row) return read_own(row, words, place, why);
    return read_foreign(words, place, why);
}

bool config_read_line(struct bytes line, const char *place, struct text *why)
{
    struct words words;
    enum status status;
    bool good;

    while (line.len > 0 && strchr(" \t\r\n", line.at[0])) {
        line = bytes_of(line.at + 1, line.len - 1);
    }
    if (line.len == 0 || line.at[0] == '#') return true;
    status = words_split(&words, line);
    if (status != OK) return fail_words(why, place, status);
    good = read_words(&words, place, why);
    words_fini(&words);
    return good;
}

/* The server may change its folder later, and CONFIG REWRITE must still find the file. */
static void remember(const char *path)
{
    char folder[PATH_MAX];
    int len;

    if (strcmp(path, "-") == 0) {
        path_now[0] = 0;
    } else if (path[0] == '/' || !getcwd(folder, sizeof folder)) {
        snprintf(path_now, sizeof path_now, "%s", path);
    } else {
        len = snprintf(path_now, sizeof path_now, "%s/%s", folder, path);
        if (len < 0 || (size_t)len >= sizeof path_now) path_now[0] = 0;
    }
}

bool config_read_file(const char *path, struct text *why)
{
    if (!read_file(path, why)) return false;
    remember(path);
    return true;
}
