/* file: users as lines of text, "user NAME rule …": in the file of the option 'aclfile', and in 'user' options. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "coatcheck/acl/options.h"
#include "coatcheck/base/file.h"
#include "coatcheck/base/mem.h"
#include "user_internal.h"

#define LINE_WORDS 4096

/* The words of a line, split at blanks: rules hold none. */
static unsigned split(struct bytes line, struct bytes *words, unsigned most)
{
    unsigned count = 0;

    for (size_t at = 0; at < line.len;) {
        size_t from;

        while (at < line.len && strchr(" \t\r", line.at[at])) at++;
        from = at;
        while (at < line.len && !strchr(" \t\r", line.at[at])) at++;
        if (at == from) break;
        if (count == most) return most + 1;
        words[count++] = bytes_of(line.at + from, at - from);
    }
    return count;
}

static bool take_words(struct user_table *table, const struct bytes *words, unsigned count, struct text *why)
{
    struct rules *rules;
    bool found;

    user_table_find(table, words[0], &found);
    if (found) {
        text_addf(why, "user '");
        text_add(why, words[0]);
        text_addf(why, "' is there twice");
        return false;
    }
    rules = rules_new();
    if (rules && !rules_take(rules, words + 1, count - 1, why)) {
        rules_free(&rules);
        return false;
    }
    if (rules && user_table_add(table, words[0], rules)) return true;
    text_addf(why, "there is no memory for these users");
    return false;
}

bool user_table_take_line(struct user_table *table, struct bytes line, struct text *why)
{
    struct bytes *words = mem_alloc(LINE_WORDS * sizeof *words);
    unsigned count;
    bool good = false;

    if (!words) {
        text_addf(why, "there is no memory for these users");
        return false;
    }
    count = split(line, words, LINE_WORDS);
    if (count == 0) {
        text_addf(why, "a user's name was expected");
    } else if (count > LINE_WORDS) {
        text_addf(why, "a user has at most %d rules", LINE_WORDS - 1);
    } else {
        good = take_words(table, words, count, why);
    }
    mem_free(words);
    return good;
}

/* "user NAME rule …"; empty lines and those that begin with '#' are none. */
static bool take_file_line(struct user_table *table, struct bytes line, struct text *why)
{
    struct bytes first[1];
    unsigned count = split(line, first, 1);

    if (count == 0 || first[0].at[0] == '#') return true;
    if (!bytes_equal(first[0], BYTES("user"))) {
        text_addf(why, "a line begins with 'user' or '#', not with '");
        text_add(why, first[0]);
        text_addf(why, "'");
        return false;
    }
    line = bytes_of(first[0].at + 4, line.len - (size_t)(first[0].at + 4 - line.at));
    return user_table_take_line(table, line, why);
}

static bool take_lines(struct user_table *table, struct bytes rest, const char *path, struct text *why)
{
    bool good = true;

    for (unsigned number = 1; rest.len > 0; number++) {
        const char *end = memchr(rest.at, '\n', rest.len);
        struct bytes line = bytes_of(rest.at, end ? (size_t)(end - rest.at) : rest.len);
        struct text reason = {0};

        if (!take_file_line(table, line, &reason)) {
            text_addf(why, "%s%s:%u: ", good ? "" : ". ", path, number);
            text_add(why, text_bytes(&reason));
            good = false;
        }
        text_fini(&reason);
        rest = bytes_of(rest.at + line.len + !!end, rest.len - line.len - !!end);
    }
    return good;
}

bool users_load(void (*removed)(struct user *user, void *context), void *context, struct text *why)
{
    const char *path = option_text(&acl_options.aclfile);
    struct user_table fresh = {0};
    struct text content = {0};
    bool good;

    if (!file_read(path, &content)) {
        text_addf(why, "%s: %s", path, strerror(errno));
        text_fini(&content);
        return false;
    }
    good = take_lines(&fresh, text_bytes(&content), path, why);
    text_fini(&content);
    if (!good) {
        user_table_fini(&fresh);
        return false;
    }
    if (!user_table_complete(&fresh, user_default_rules())) {
        text_addf(why, "%s: there is no memory for these users", path);
        user_table_fini(&fresh);
        return false;
    }
    users_replace(&fresh, removed, context);
    return true;
}

static void add_line(struct bytes name, const struct rules *rules, void *context)
{
    struct text *into = context;

    text_addf(into, "user ");
    text_add(into, name);
    text_add_char(into, ' ');
    rules_print(rules, into);
    text_add_char(into, '\n');
}

bool users_save(struct text *why)
{
    const char *path = option_text(&acl_options.aclfile);
    struct text content = {0};
    bool good;

    users_each(add_line, &content);
    errno = ENOMEM;
    good = !text_failed(&content) && file_replace(path, text_bytes(&content), 0600);
    if (!good) text_addf(why, "%s: %s", path, strerror(errno));
    text_fini(&content);
    return good;
}
