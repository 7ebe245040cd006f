/* SRANDMEMBER and SPOP draw evenly: each choice of so many members comes as often as any other, however the set is kept.
 * Chi-square over all choices of few members, and over each member of many. */
#include "client.h"
#include "support/chance.h"
#include "coatcheck/values/set.h"

#define EACH 30 /* times that each choice is expected */
#define MANY 300

/* The forms of a set: numbers alone, one block, many blocks, and those with few members left. */
enum form { NUMBERS, BLOCK, LARGE, LARGE_SHRUNK, FORMS };

static int setup(void **state)
{
    set_kind_setup();
    return client_setup(state);
}

static void say_of(const char *format, enum form form, unsigned number)
{
    char line[100];

    snprintf(line, sizeof line, format, form == NUMBERS ? "" : "member:", number);
    SAY(line, ":1\r\n");
}

/* Members 0 … count-1 under the key `full`. */
static void make_full(enum form form, unsigned count)
{
    say("DEL full");
    for (unsigned i = 0; i < (form == LARGE_SHRUNK ? MANY : count); i++) say_of("SADD full %s%u", form, i);
    for (unsigned i = count; i < MANY && form == LARGE_SHRUNK; i++) say_of("SREM full %s%u", form, i);
    SAY("OBJECT ENCODING full", form == NUMBERS ? "$6\r\nintset\r\n" : "$9\r\nhashtable\r\n");
}

/* The numbers of the members in a reply; returns how many. */
static unsigned read_members(const char *reply, unsigned *into)
{
    unsigned count = 0;

    for (const char *line = reply; *line; line = strchr(line, '\n') + 1) {
        if (*line == '*' || *line == '$') continue;
        into[count++] = (unsigned)strtoul(line + strcspn(line, "0123456789"), NULL, 10);
    }
    return count;
}

/* Who is drawn from the full set, or taken out of a copy of it; count 0: one, without a count. */
static unsigned draw(const char *command, unsigned count, unsigned *into)
{
    const char *key = strcmp(command, "SPOP") == 0 ? "copy" : "full";
    char line[100];

    if (strcmp(key, "copy") == 0) SAY("COPY full copy REPLACE", ":1\r\n");
    snprintf(line, sizeof line, count ? "%s %s %u" : "%s %s", command, key, count);
    return read_members(say(line), into);
}

static void assert_choices_are_even(const char *command, unsigned members, unsigned count)
{
    unsigned *times = calloc((size_t)1 << members, sizeof *times), drawn[32], choices = 1, of_each = count ? count : 1;
    double sum = 0;

    for (unsigned i = 0; i < of_each; i++) choices = choices * (members - i) / (i + 1);
    for (unsigned i = 0; i < choices * EACH; i++) {
        unsigned choice = 0;

        assert_int_equal(draw(command, count, drawn), of_each);
        for (unsigned j = 0; j < of_each; j++) choice |= 1u << drawn[j];
        assert_int_equal(__builtin_popcount(choice), of_each);
        assert_true(choice < 1u << members);
        times[choice]++;
    }
    for (unsigned choice = 0; choice < 1u << members; choice++) {
        double off = (double)times[choice] - EACH;

        if ((unsigned)__builtin_popcount(choice) == of_each) sum += off * off / EACH;
    }
    if (!chance_is_even(sum, choices - 1)) fail_msg("%s %u of %u: %.1f in %u", command, count, members, sum, choices - 1);
    free(times);
}

static void each_choice_of_few_members_comes_as_often_as_any_other(void **state)
{
    (void)state;
    for (enum form form = NUMBERS; form < FORMS; form++) {
        make_full(form, 7);
        for (unsigned count = 0; count < 7; count++) {
            assert_choices_are_even("SPOP", 7, count);
            assert_choices_are_even("SRANDMEMBER", 7, count);
        }
        /* Two of so many are drawn one by one. */
        make_full(form, 20);
        assert_choices_are_even("SPOP", 20, 2);
        assert_choices_are_even("SRANDMEMBER", 20, 2);
    }
}

static void assert_members_are_even(const char *command, unsigned count)
{
    unsigned times[MANY] = {0}, drawn[MANY], of_each = count ? count : 1, turns = EACH * MANY / of_each + EACH;
    double expected = (double)turns * of_each / MANY, sum = 0;

    for (unsigned i = 0; i < turns; i++) {
        assert_int_equal(draw(command, count, drawn), of_each);
        for (unsigned j = 0; j < of_each; j++) times[drawn[j]]++;
    }
    /* Who is drawn is not drawn again in that turn, so that the sum varies less. */
    for (unsigned i = 0; i < MANY; i++) sum += ((double)times[i] - expected) * ((double)times[i] - expected) / expected;
    sum *= (MANY - 1.0) / (MANY - of_each);
    if (!chance_is_even(sum, MANY - 1)) fail_msg("%s %u of %u: %.1f", command, count, MANY, sum);
}

static void each_of_many_members_comes_as_often_as_any_other(void **state)
{
    static const unsigned counts[] = {0, 10, 100, 290};

    (void)state;
    for (enum form form = NUMBERS; form <= LARGE; form += LARGE) {
        make_full(form, MANY);
        for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            assert_members_are_even("SPOP", counts[i]);
            assert_members_are_even("SRANDMEMBER", counts[i]);
        }
    }
}

/* A count below zero: the same one may come again. */
static void with_repetition_too(void **state)
{
    (void)state;
    for (enum form form = NUMBERS; form < FORMS; form++) {
        unsigned times[7] = {0}, drawn[100];
        double sum = 0;

        make_full(form, 7);
        for (unsigned i = 0; i < 7 * EACH; i++) {
            assert_int_equal(read_members(say("SRANDMEMBER full -50"), drawn), 50);
            for (unsigned j = 0; j < 50; j++) times[drawn[j]]++;
        }
        for (unsigned i = 0; i < 7; i++) sum += ((double)times[i] - 50 * EACH) * ((double)times[i] - 50 * EACH) / (50 * EACH);
        assert_true(chance_is_even(sum, 6));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_choice_of_few_members_comes_as_often_as_any_other),
        cmocka_unit_test(each_of_many_members_comes_as_often_as_any_other),
        cmocka_unit_test(with_repetition_too),
    };

    return cmocka_run_group_tests(tests, setup, client_teardown);
}
