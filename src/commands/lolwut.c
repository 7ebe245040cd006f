/* lolwut: LOLWUT: a coat check ticket, for the fun of it. */
#include <stdio.h>
#include "coatcheck/base/random.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/version.h"

#define STUB_WIDTH 13

/* The coat on its hanger, on the long part of the ticket. */
static const char *const coat[] = {
    "              _             ",   "             ( )            ",
    "           ___/___          ",   "        .-'   V   '-.       ",
    "      .'   |  |  |   '.     ",   "     /  /| |  |o | |\\  \\    ",
    "    /  / | |  |o | | \\  \\   ", "   (__/  | |  |o | |  \\__)  ",
    "         |_|__|__|_|        ",
};
#define ROWS (sizeof coat / sizeof coat[0])

/* A bar code of the number, the same on both parts. */
static void print_bars(char bars[STUB_WIDTH + 1], unsigned number)
{
    static const char widths[] = {'|', ':', '!', 'I'};

    for (unsigned i = 0; i < STUB_WIDTH; i++, number = number * 5 + 3)
        bars[i] = widths[number / 7 % 4];
    bars[STUB_WIDTH] = '\0';
}

static void draw_ticket(struct text *into, unsigned number)
{
    char bars[STUB_WIDTH + 1], stub[ROWS][STUB_WIDTH + 1];
    const char *edge = "+------------------------------+-  -  -  -  -+\n";

    print_bars(bars, number);
    for (size_t i = 0; i < ROWS; i++) snprintf(stub[i], sizeof stub[i], "%*s", STUB_WIDTH, "");
    snprintf(stub[1], sizeof stub[1], "  KEEP THIS  ");
    snprintf(stub[2], sizeof stub[2], "   TICKET    ");
    snprintf(stub[4], sizeof stub[4], "  No. %04u   ", number);
    snprintf(stub[6], sizeof stub[6], "%s", bars);
    snprintf(stub[7], sizeof stub[7], "%s", bars);
    text_add(into, bytes_of_text(edge));
    for (size_t i = 0; i < ROWS; i++) text_addf(into, "| %s :%s:\n", coat[i], stub[i]);
    text_addf(into, "|  No. %04u    %s   :%*s:\n", number, bars, STUB_WIDTH, "");
    text_add(into, bytes_of_text(edge));
    text_add(into, BYTES("\nKey in, value out: no ticket, no coat.\n"));
}

static void cmd_lolwut(struct call *call)
{
    struct text picture = {0};
    int64_t version;

    /* There is one drawing, whatever version is asked for. */
    if (call_argc(call) >= 3 && call_arg_is(call, 1, "VERSION") &&
        !call_read_int(call, 2, &version))
        return;
    draw_ticket(&picture, (unsigned)random_below(random_of_thread(), 10000));
    text_addf(&picture, "Coatcheck ver. %s\n", COATCHECK_VERSION);
    if (text_failed(&picture)) {
        reply_error(call->reply, ERR_NO_MEMORY);
    } else {
        reply_verbatim(call->reply, "txt", text_bytes(&picture));
    }
    text_fini(&picture);
}

static const struct command_row rows[] = {
    {.name = "lolwut",
     .run = cmd_lolwut,
     .arity = -1,
     .flags = COMMAND_READ | COMMAND_FAST,
     .since = "5.0.0",
     .cost = "O(1)",
     .syntax = "[VERSION version]",
     .summary = "Draws a coat check ticket and tells the version."},
};

const struct command_family lolwut_commands = COMMAND_FAMILY("server", rows);
