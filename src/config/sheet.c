/* The options as a sheet to be edited; declared in file.h, as it is a file that could be read. */
#include "coatcheck/config/file.h"

#include "value_internal.h"
#include "coatcheck/config/registry.h"

#define WIDTH 100

static void add_wrapped(struct text *into, struct bytes sentence)
{
    size_t column = 1;

    text_add_char(into, '#');
    while (sentence.len > 0) {
        const char *blank = memchr(sentence.at, ' ', sentence.len);
        size_t len = blank ? (size_t)(blank - sentence.at) : sentence.len;

        if (column > 1 && column + 1 + len > WIDTH) {
            text_addf(into, "\n#");
            column = 1;
        }
        text_add_char(into, ' ');
        text_add(into, bytes_of(sentence.at, len));
        column += 1 + len;
        sentence = bytes_of(sentence.at + len + !!blank, sentence.len - len - !!blank);
    }
    text_add_char(into, '\n');
}

static void add_row(struct text *into, const struct option_row *row)
{
    struct text sentence = {0}, initial = {0};

    text_addf(&sentence, "%s (", row->sentence);
    value_expectation(row, &sentence);
    text_addf(&sentence, row->flags & OPTION_AT_START ? "; at start only)" : ")");
    value_print_initial(row, &initial);

    text_add_char(into, '\n');
    add_wrapped(into, text_bytes(&sentence));
    value_print_lines(row, text_bytes(&initial), "#", into);
    if (text_failed(&sentence) || text_failed(&initial)) into->failed = true;
    text_fini(&sentence);
    text_fini(&initial);
}

void config_print_all(struct text *into)
{
    const struct option_row *row;

    text_addf(into, "# Options of coatcheckd, each with its default behind a '#': take that away "
                    "to set one.\n"
                    "# A line is a name and its value; words with blanks stand in \"quotes\".\n");
    for (unsigned i = 0; (row = config_row(i)); i++) add_row(into, row);
}
