/* SORT beside an order that is made by going through all pairs, and without memory. */
#include "client.h"
#include "coatcheck/base/random.h"
#include "coatcheck/values/hash.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"

#define MOST 60

static uint64_t seed = 5;

struct element {
    char text[16], by[16]; /* by empty: there is no such key */
    unsigned place;
};

struct sorting {
    bool list, by, alpha, desc;
};

static int sign(double number)
{
    return (number > 0) - (number < 0);
}

static int compare_texts(const char *a, const char *b)
{
    return bytes_compare(bytes_of_text(a), bytes_of_text(b));
}

/* Below 0: `a` comes first. */
static int compare(const struct sorting *sorting, const struct element *a, const struct element *b)
{
    const char *a_by = sorting->by ? a->by : a->text, *b_by = sorting->by ? b->by : b->text;
    int order = sorting->alpha ? compare_texts(a_by, b_by) : sign(strtod(a_by, NULL) - strtod(b_by, NULL));

    if (order == 0 && !(sorting->by && sorting->alpha && sorting->list)) order = compare_texts(a->text, b->text);
    if (sorting->desc) order = -order;
    return order != 0 ? order : (int)a->place - (int)b->place;
}

static void sort_slowly(const struct sorting *sorting, struct element *of, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        for (unsigned k = i + 1; k < count; k++) {
            struct element kept = of[i];

            if (compare(sorting, &of[k], &of[i]) >= 0) continue;
            of[i] = of[k];
            of[k] = kept;
        }
    }
}

static void draw_elements(const struct sorting *sorting, struct element *of, unsigned count)
{
    struct text words = {0};

    for (unsigned i = 0; i < count; i++) {
        of[i].place = i;
        /* Sets have each only once. */
        snprintf(of[i].text, sizeof of[i].text, "%d", (int)(sorting->list ? random_below(&seed, 20) : i * 7) - 9);
        text_addf(&words, "%s k %s", sorting->list ? "RPUSH" : "SADD", of[i].text);
        text_add_char(&words, '\0');
        say(words.at);
        text_clear(&words);
        text_addf(&words, "GET w%s", of[i].text);
        text_add_char(&words, '\0');
        if (say(words.at)[1] == '-' && random_below(&seed, 4) > 0) {
            text_clear(&words);
            text_addf(&words, "SET w%s %d", of[i].text, (int)random_below(&seed, 9));
            text_add_char(&words, '\0');
            say(words.at);
        }
        text_clear(&words);
    }
    for (unsigned i = 0; i < count; i++) {
        const char *reply;

        text_addf(&words, "GET w%s", of[i].text);
        text_add_char(&words, '\0');
        reply = say(words.at);
        snprintf(of[i].by, sizeof of[i].by, "%.*s", reply[1] == '-' ? 0 : 1, reply + 4);
        text_clear(&words);
    }
    text_fini(&words);
}

static void elements_come_in_the_order_that_is_asked_for(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 400; round++) {
        struct sorting sorting = {random_below(&seed, 2), random_below(&seed, 2), random_below(&seed, 2),
                                  random_below(&seed, 2)};
        unsigned count = (unsigned)random_below(&seed, MOST), first = (unsigned)random_below(&seed, count + 1);
        struct element of[MOST];
        struct text right = {0};
        char line[100];

        say("FLUSHALL SYNC");
        draw_elements(&sorting, of, count);
        sort_slowly(&sorting, of, count);
        text_addf(&right, "*%u\r\n", count - first);
        for (unsigned i = first; i < count; i++) {
            text_addf(&right, "$%zu\r\n%s\r\n", strlen(of[i].text), of[i].text);
        }
        text_add_char(&right, '\0');
        snprintf(line, sizeof line, "SORT k%s%s LIMIT %u -1%s", sorting.by ? " BY w*" : "", sorting.alpha ? " ALPHA" : "",
                 first, sorting.desc ? " DESC" : "");
        SAY(line, right.at);
        text_fini(&right);
    }
}

static void prepare(void)
{
    say("FLUSHALL SYNC");
    say("RPUSH l 7 3 5 1 9 2 8 6 4 10 12 11 14 13 15");
    say("MSET w1 30 w3 text w5 20");
    say("HSET h7 f 12 g value");
    say("SET d old");
}

static void what_finds_no_memory_stores_nothing(void **state)
{
    static const char *const lines[] = {
        "SORT l STORE d",
        "SORT l BY w* ALPHA GET # GET h*->g GET h*->f GET w* STORE d",
        "SORT l BY h*->f STORE d",
        "SORT l BY nosort LIMIT 2 5 STORE d",
        "SORT l BY w* ALPHA",
    };
    unsigned failures = 0;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char *right;

        prepare();
        right = strdup(say(lines[i]));
        assert_true(right[0] != '-');
        for (unsigned n = 1, quiet = 0; quiet < 12; n++) {
            const char *reply;

            prepare();
            reply = say_with_failure(lines[i], n);
            keyspace_check(keyspace);
            if (reply && strcmp(reply, right) == 0) {
                quiet++;
                continue;
            }
            failures++;
            quiet = 0;
            if (reply) assert_true(strncmp(reply, "-OOM ", 5) == 0 || strstr(reply, "nsufficient memory"));
            SAY("GET d", "$3\r\nold\r\n");
            SAY("LLEN l", ":15\r\n");
        }
        free(right);
    }
    assert_true(failures >= 15);
}

static int setup(void **state)
{
    list_setup();
    set_kind_setup();
    hash_kind_setup();
    return client_setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_come_in_the_order_that_is_asked_for),
        cmocka_unit_test(what_finds_no_memory_stores_nothing),
    };

    return cmocka_run_group_tests(tests, setup, client_teardown);
}
