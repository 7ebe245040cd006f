#include "coatcheck/config/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "config/cloakroom.h"
#include "coatcheck/base/log.h"
#include "coatcheck/base/random.h"

static char folder[] = "/tmp/coatcheck-config-XXXXXX";
static struct text why;

static const char *path_of(const char *name)
{
    static char path[2][128];
    static unsigned turn;

    snprintf(path[++turn % 2], sizeof path[0], "%s/%s", folder, name);
    return path[turn % 2];
}

static const char *write_file(const char *name, const char *content)
{
    FILE *file = fopen(path_of(name), "w");

    assert_non_null(file);
    fputs(content, file);
    assert_int_equal(fclose(file), 0);
    return path_of(name);
}

static bool read_file(const char *name, const char *content)
{
    text_clear(&why);
    return config_read_file(write_file(name, content), &why);
}

static bool read_line(const char *line)
{
    text_clear(&why);
    return config_read_line(bytes_of_text(line), "here", &why);
}

static void assert_line_refused(const char *line, const char *reason)
{
    assert_false(read_line(line));
    assert_string_equal(said(&why), reason);
}

static int tidy(void **state)
{
    (void)state;
    cloakroom_tidy();
    return 0;
}

static void a_file_sets_what_it_says(void **state)
{
    (void)state;
    assert_true(read_file("all.conf", "# a comment\n"
                                      "\n"
                                      "   \t\n"
                                      "  # another\n"
                                      "locked yes\n"
                                      "HOOKS   12  \r\n"
                                      "pocket 64mb\n"
                                      "level \"warning\"\n"
                                      "sign 'Back at\tfive'\n"
                                      "doors left  right\n"
                                      "port 7000\n"
                                      "folder /srv"));
    assert_int_equal(option_int(&cloak_options.locked), 1);
    assert_int_equal(option_int(&cloak_options.hooks), 12);
    assert_int_equal(option_int(&cloak_options.pocket), 64 << 20);
    assert_int_equal(option_int(&cloak_options.level), LEVEL_WARNING);
    assert_string_equal(option_text(&cloak_options.sign), "Back at\tfive");
    assert_string_equal(option_text(&cloak_options.doors), "left right");
    assert_int_equal(option_int(&cloak_options.port), 7000);
    assert_string_equal(option_text(&cloak_options.folder), "/srv");
    assert_string_equal(config_path(), path_of("all.conf"));
}

static void the_last_line_of_an_option_holds(void **state)
{
    (void)state;
    assert_true(read_file("twice.conf", "hooks 1\nhooks 2\ndoors a b\ndoors c\n"));
    assert_int_equal(option_int(&cloak_options.hooks), 2);
    assert_string_equal(option_text(&cloak_options.doors), "c");
}

static void mistakes_name_place_option_and_what_was_expected(void **state)
{
    char wanted[300];

    (void)state;
    assert_line_refused(
        "port abc",
        "here: option 'port' was given \"abc\": a whole number from 0 to 65535 was expected");
    assert_line_refused(
        "PORT 70000",
        "here: option 'port' was given \"70000\": a whole number from 0 to 65535 was expected");
    assert_line_refused("locked\tmaybe",
                        "here: option 'locked' was given \"maybe\": yes or no was expected");
    assert_line_refused(
        "level loud",
        "here: option 'level' was given \"loud\": one of debug, notice, warning was expected");
    assert_line_refused(
        "pocket 12q",
        "here: option 'pocket' was given \"12q\": a size such as 512mb, from 1kb was expected");
    assert_line_refused(
        "port",
        "here: option 'port' takes one value, a whole number from 0 to 65535; 0 were given");
    assert_line_refused("sign a b", "here: option 'sign' takes one value, a text; 2 were given");
    assert_line_refused("doors",
                        "here: option 'doors' takes one or more words, words; 0 were given");
    assert_line_refused(
        "sign \"a\\x00b\"",
        "here: option 'sign' was given \"a\\x00b\": argument must not contain a zero byte");
    assert_line_refused("sign \"open",
                        "here: a quote is left open, or something sticks to a closing one");
    assert_line_refused("prot 1", "here: there is no option \"prot\"");
    assert_line_refused("\"a\\nb\" 1", "here: there is no option \"a\\nb\"");

    assert_false(read_file("bad.conf", "hooks 1\n\n# here\nhooks none\nhooks 3\n"));
    snprintf(wanted, sizeof wanted,
             "%s:4: option 'hooks' was given \"none\": a whole number from 1 to 65535 was expected",
             path_of("bad.conf"));
    assert_string_equal(said(&why), wanted);
}

static bool refuse_all(struct bytes value, struct text *into)
{
    (void)value;
    text_addf(into, "not today");
    return false;
}

static void a_hook_refuses_in_its_own_words_and_secrets_stay_secret(void **state)
{
    (void)state;
    cloak_option_hooks.port.check = refuse_all;
    cloak_option_hooks.secret.check = refuse_all;
    assert_line_refused("port 1", "here: option 'port' was given \"1\": not today");
    assert_line_refused("secret sesame",
                        "here: option 'secret' was given a value that cannot be: not today");
    assert_line_refused("secret open sesame",
                        "here: option 'secret' takes one value, a text; 2 were given");
    assert_string_equal(option_text(&cloak_options.secret), "");
}

/* Once in this program: the first line replaces the default, later ones add, whatever file they are
 * in. */
static void lines_that_repeat_add_up(void **state)
{
    (void)state;
    assert_true(read_file("more.conf", "limits b 1 1\n"));
    assert_true(read_line("limits c 2 2"));
    assert_string_equal(option_text(&cloak_options.limits), "b 1 1\nc 2 2");
    assert_true(read_line("rename coat jacket"));
    assert_true(read_line("rename hat \"\""));
    assert_string_equal(option_text(&cloak_options.rename), "coat jacket\nhat ");
}

static void harmless_options_of_redis_are_named_in_the_log(void **state)
{
    char content[4000] = {0};
    FILE *file;

    (void)state;
    assert_true(log_open(path_of("log")));
    assert_true(read_file("redis.conf",
                          "dir /var/lib/redis\nappendonly no\nrdbcompression yes\nsave \"\"\n"));
    file = fopen(path_of("log"), "r");
    assert_non_null(file);
    assert_true(fread(content, 1, sizeof content - 1, file) > 0);
    fclose(file);
    assert_true(log_open(""));
    assert_non_null(strstr(
        content, "redis.conf:1: option 'dir' of Redis has no effect: no data file is written"));
    assert_non_null(strstr(
        content,
        "redis.conf:3: option 'rdbcompression' of Redis has no effect: there are no snapshots"));
    assert_null(strstr(content, "appendonly"));
    assert_null(strstr(content, "save"));
}

static void durability_that_is_not_here_is_refused(void **state)
{
    (void)state;
    assert_line_refused("appendonly yes",
                        "here: option 'appendonly' of Redis cannot be honoured: "
                        "data is kept in memory only, and would be lost when the server stops");
    assert_line_refused("save 900 1",
                        "here: option 'save' of Redis cannot be honoured: "
                        "data is kept in memory only, and would be lost when the server stops");
    assert_true(read_line("replicaof no one"));
}

static void files_include_files(void **state)
{
    char content[300];

    (void)state;
    write_file("inner.conf", "hooks 5\nsign inner\n");
    snprintf(content, sizeof content, "hooks 4\ninclude %s\nsign outer\n", path_of("inner.conf"));
    assert_true(read_file("outer.conf", content));
    assert_int_equal(option_int(&cloak_options.hooks), 5);
    assert_string_equal(option_text(&cloak_options.sign), "outer");
    assert_string_equal(config_path(), path_of("outer.conf"));

    write_file("part-1.conf", "hooks 11\n");
    write_file("part-2.conf", "hooks 12\nlocked yes\n");
    snprintf(content, sizeof content, "include \"%s\"\ninclude %s\n", path_of("part-*.conf"),
             path_of("none-*.conf"));
    assert_true(read_file("parts.conf", content));
    assert_int_equal(option_int(&cloak_options.hooks), 12);
    assert_int_equal(option_int(&cloak_options.locked), 1);

    write_file("part-2.conf", "hooks x\n");
    assert_false(config_read_file(path_of("parts.conf"), &why));
    assert_non_null(strstr(said(&why), "part-2.conf:1: option 'hooks' was given \"x\""));
}

static void an_include_that_cannot_be_is_a_mistake(void **state)
{
    char content[300], wanted[300];

    (void)state;
    snprintf(content, sizeof content, "include %s\n", path_of("absent.conf"));
    snprintf(wanted, sizeof wanted, "%s: No such file or directory", path_of("absent.conf"));
    assert_false(read_file("lost.conf", content));
    assert_string_equal(said(&why), wanted);

    snprintf(content, sizeof content, "hooks 3\ninclude %s\n", path_of("loop.conf"));
    assert_false(read_file("loop.conf", content));
    snprintf(wanted, sizeof wanted, "%s:2: files include each other too deep",
             path_of("loop.conf"));
    assert_string_equal(said(&why), wanted);
    assert_true(read_file("fine.conf", "hooks 4\n")); /* the depth was given back */

    assert_line_refused("include", "here: option 'include' takes one path");
    assert_line_refused("include a b", "here: option 'include' takes one path");
    assert_line_refused("include \"\"", "here: option 'include' takes one path");
    assert_line_refused("include \"a\\nb\"",
                        "here: the path to include is too long, or holds a control character");
}

static void a_file_that_cannot_be_read_says_why(void **state)
{
    (void)state;
    text_clear(&why);
    assert_false(config_read_file("/nonexistent/coatcheck.conf", &why));
    assert_string_equal(said(&why), "/nonexistent/coatcheck.conf: No such file or directory");
    text_clear(&why);
    assert_false(config_read_file(folder, &why));
    assert_non_null(strstr(said(&why), "Is a directory"));
    text_clear(&why);
    assert_false(config_read_file("/dev/zero", &why));
    assert_non_null(strstr(said(&why), "File too large"));
}

static void standard_input_is_a_file_without_a_path(void **state)
{
    int kept = dup(STDIN_FILENO), ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "hooks 77\nhooks x", 16), 16);
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    text_clear(&why);
    assert_false(config_read_file("-", &why));
    assert_string_equal(said(&why), "standard input:2: option 'hooks' was given \"x\": "
                                    "a whole number from 1 to 65535 was expected");
    assert_int_equal(option_int(&cloak_options.hooks), 77);
    text_clear(&why);
    assert_true(config_read_file("-", &why)); /* nothing is left, which is an empty file */
    assert_string_equal(config_path(), "");
    dup2(kept, STDIN_FILENO);
    close(kept);
    close(ends[0]);
}

static void a_relative_path_is_kept_whole(void **state)
{
    char here[256], wanted[300];
    int before = open(".", O_RDONLY);

    (void)state;
    write_file("rel.conf", "hooks 3\n");
    assert_int_equal(chdir(folder), 0);
    text_clear(&why);
    assert_true(config_read_file("rel.conf", &why));
    assert_non_null(getcwd(here, sizeof here));
    snprintf(wanted, sizeof wanted, "%s/rel.conf", here);
    assert_string_equal(config_path(), wanted);
    assert_int_equal(fchdir(before), 0);
    close(before);
}

/* The sheet that --print-options shows is a file with every option in it: as it stands it changes
 * nothing, and without the '#' before the options it sets what holds anyhow. */
static void the_printed_sheet_is_a_file_of_the_defaults(void **state)
{
    struct text sheet = {0}, bare = {0};

    (void)state;
    config_print_all(&sheet);
    assert_true(read_file("sheet.conf", said(&sheet)));
    for (size_t i = 0; i < sheet.len; i++) {
        bool option = sheet.at[i] == '#' && sheet.at[i + 1] != ' ';

        if (!option) text_add_char(&bare, sheet.at[i]);
    }
    for (unsigned i = 0; i < cloak_option_set.count; i++) {
        char line[64];

        snprintf(line, sizeof line, "\n#%s ", cloak_option_set.rows[i].name);
        assert_non_null(strstr(said(&sheet), line));
    }
    assert_non_null(strstr(
        said(&sheet),
        "# TCP port to listen on (a whole number from 0 to 65535; at start only)\n#port 6379\n"));
    assert_true(read_file("bare.conf", said(&bare)));
    assert_int_equal(option_int(&cloak_options.port), 6379);
    assert_int_equal(option_int(&cloak_options.pocket), 1048576);
    assert_int_equal(option_int(&cloak_options.level), LEVEL_NOTICE);
    assert_string_equal(option_text(&cloak_options.doors), "front -back");
    assert_string_equal(option_text(&cloak_options.folder), "/var");
    text_fini(&sheet);
    text_fini(&bare);
}

static void random_files_do_no_harm(void **state)
{
    static const char *const pieces[] = {
        "hooks ", "sign ",   "doors ", "\"",    "'",     "\\",       "\n",
        "#",      " ",       "1",      "0x",    "save ", "include ", "/nonexistent",
        "\x01",   "limits ", "level ", "debug", "\r",    "pocket "};
    uint64_t seed = 12;

    (void)state;
    log_set_level(LOG_LEVEL_NOTHING);
    for (int round = 0; round < 3000; round++) {
        struct text content = {0};

        for (uint64_t left = random_below(&seed, 30); left > 0; left--) {
            text_addf(&content, "%s",
                      pieces[random_below(&seed, sizeof pieces / sizeof pieces[0])]);
        }
        text_clear(&why);
        if (!config_read_line(text_bytes(&content), "here", &why)) {
            assert_true(why.len > 0);
            assert_null(memchr(why.at, '\n', why.len));
        }
        text_fini(&content);
    }
    log_set_level(LOG_LEVEL_NOTICE);
}

static int begin(void **state)
{
    (void)state;
    config_add(&cloak_option_set);
    return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
    char command[200];

    (void)state;
    text_fini(&why);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines_that_repeat_add_up, tidy),
        cmocka_unit_test_setup(a_file_sets_what_it_says, tidy),
        cmocka_unit_test_setup(the_last_line_of_an_option_holds, tidy),
        cmocka_unit_test_setup(mistakes_name_place_option_and_what_was_expected, tidy),
        cmocka_unit_test_setup(a_hook_refuses_in_its_own_words_and_secrets_stay_secret, tidy),
        cmocka_unit_test_setup(harmless_options_of_redis_are_named_in_the_log, tidy),
        cmocka_unit_test_setup(durability_that_is_not_here_is_refused, tidy),
        cmocka_unit_test_setup(files_include_files, tidy),
        cmocka_unit_test_setup(an_include_that_cannot_be_is_a_mistake, tidy),
        cmocka_unit_test_setup(a_file_that_cannot_be_read_says_why, tidy),
        cmocka_unit_test_setup(standard_input_is_a_file_without_a_path, tidy),
        cmocka_unit_test_setup(a_relative_path_is_kept_whole, tidy),
        cmocka_unit_test_setup(the_printed_sheet_is_a_file_of_the_defaults, tidy),
        cmocka_unit_test_setup(random_files_do_no_harm, tidy),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
