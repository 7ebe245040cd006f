/* coatcheckd: reads the command line and the configuration, then serves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "coatcheck/base/text.h"
#include "coatcheck/config/file.h"
#include "coatcheck/daemon/server.h"
#include "coatcheck/daemon/signals.h"
#include "coatcheck/observe/registry.h"
#include "coatcheck/version.h"

enum { EXIT_BAD_ARGUMENTS = 2 };

static const char usage[] =
    "Usage: coatcheckd [FILE] [--option value ...]\n"
    "\n"
    "An in-memory key-value server that speaks the Redis protocol.\n"
    "\n"
    "  FILE                  configuration to read; '-' is standard input\n"
    "  --option value ...    any option of the file, after it: --port 7000 --threads 4\n"
    "  --check FILE          read the file, say what is wrong with it, and exit\n"
    "  --print-options       every option with its default and what it does\n"
    "  --print-metrics       everything that is counted, and what it tells\n"
    "  --version             what this is\n"
    "  --help                this text\n"
    "\n"
    "Then: redis-cli -p 6379, or `nc 127.0.0.1 6379` and type HELP.\n";

static int refuse(struct text *why)
{
    fprintf(stderr, "coatcheckd: %.*s\n", (int)why->len, why->at);
    text_fini(why);
    return EXIT_BAD_ARGUMENTS;
}

static int print_all(void (*print)(struct text *into))
{
    struct text all = {0};

    print(&all);
    fwrite(all.at, 1, all.len, stdout);
    text_fini(&all);
    return EXIT_SUCCESS;
}

static int check_file(const char *path)
{
    struct text why = {0};

    if (!config_read_file(path, &why)) return refuse(&why);
    printf("%s: every line is understood\n", path);
    return EXIT_SUCCESS;
}

/* "--option value value": as one line of a file. Returns how many words it took, 0 for a mistake. */
static int read_option(int argc, char **argv, struct text *why)
{
    struct text line = {0};
    char place[96];
    int taken = 1;
    bool fine;

    text_add(&line, bytes_of_text(argv[0] + 2));
    while (taken < argc && strncmp(argv[taken], "--", 2) != 0) {
        text_add_char(&line, ' ');
        text_add_quoted(&line, bytes_of_text(argv[taken++]));
    }
    snprintf(place, sizeof place, "%.70s on the command line", argv[0]);
    fine = config_read_line(text_bytes(&line), place, why);
    text_fini(&line);
    return fine ? taken : 0;
}

static bool read_arguments(int argc, char **argv, struct text *why)
{
    int i = 1;

    if (argc > 1 && (strncmp(argv[1], "--", 2) != 0)) {
        if (!config_read_file(argv[1], why)) return false;
        i = 2;
    }
    while (i < argc) {
        int taken;

        if (strncmp(argv[i], "--", 2) != 0 || argv[i][2] == '\0') {
            text_addf(why, "'%s' is neither the first word, a file, nor an --option; try --help", argv[i]);
            return false;
        }
        taken = read_option(argc - i, argv + i, why);
        if (taken == 0) return false;
        i += taken;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct text why = {0};

    signals_block();
    server_declare();
    if (argc > 1) {
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        }
        if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0) {
            printf("coatcheckd %s\n", COATCHECK_VERSION);
            return EXIT_SUCCESS;
        }
        if (strcmp(argv[1], "--print-options") == 0) return print_all(config_print_all);
        if (strcmp(argv[1], "--print-metrics") == 0) return print_all(observe_print_all);
        if (strcmp(argv[1], "--check") == 0) {
            if (argc == 3) return check_file(argv[2]);
            text_addf(&why, "--check takes the path of one file");
            return refuse(&why);
        }
    }
    if (!read_arguments(argc, argv, &why)) return refuse(&why);
    text_fini(&why);
    return server_run();
}
