/* command_keys: where the keys of a command are among its words, and what becomes of them. */
#include "coatcheck/base/number.h"
#include "coatcheck/engine/command.h"

bool command_has_keys(const struct command_row *row)
{
    return row->keys.first != 0 || row->find_keys || row->key_specs;
}

bool command_key_spec_at(const struct command_row *row, unsigned index, struct command_key_spec *spec)
{
    if (row->key_specs) {
        for (unsigned i = 0; i <= index; i++) {
            if (row->key_specs[i].access == 0) return false;
        }
        *spec = row->key_specs[index];
        return true;
    }
    if (index > 0 || row->keys.first == 0) return false;
    *spec = (struct command_key_spec){
        .access = row->access,
        .index = row->keys.first,
        .last = (int16_t)(row->keys.last < 0 ? row->keys.last : row->keys.last - row->keys.first),
        .step = row->keys.step,
        .notes = row->key_notes,
    };
    return true;
}

/* Where a spec's search begins, or -1: its keyword is not there. */
static int spec_begin(const struct command_key_spec *spec, const struct args *args)
{
    int at = spec->index < 0 ? (int)args->n + spec->index : spec->index, step = spec->index < 0 ? -1 : 1;

    if (!spec->keyword) return at;
    for (; at > 0 && at < (int)args->n; at += step) {
        if (bytes_is(args->of[at], spec->keyword)) return at + 1;
    }
    return -1;
}

/* The words that one spec tells: `count` of them, `step` apart. */
struct spec_range {
    int first, step, count;
};

/* False: the words make no sense. */
static bool spec_range(const struct command_key_spec *spec, const struct args *args, struct spec_range *range)
{
    int begin = spec_begin(spec, args), last;
    int64_t wanted;

    *range = (struct spec_range){.step = spec->step > 0 ? spec->step : 1};
    if (spec->unknown) return true;
    if (begin < 0 || begin >= (int)args->n) return spec->keyword != NULL;
    if (!spec->counted) {
        last = spec->last < 0 ? (int)args->n + spec->last : begin + spec->last;
        if (last >= (int)args->n) last = (int)args->n - 1;
        range->first = begin;
        range->count = last < begin ? 0 : (last - begin) / range->step + 1;
        return true;
    }
    if (begin + spec->number >= (int)args->n || !number_read_int(args->of[begin + spec->number], &wanted) ||
        wanted < 0 || wanted > (int)args->n - begin - spec->first) {
        return false;
    }
    range->first = begin + spec->first;
    range->count = (int)wanted;
    return true;
}

static int keys_by_specs(const struct command_key_spec *specs, const struct args *args, unsigned *places)
{
    int count = 0;

    for (; specs->access; specs++) {
        struct spec_range range;

        if (!spec_range(specs, args, &range)) return -1;
        for (int i = 0; i < range.count; i++) places[count++] = (unsigned)(range.first + i * range.step);
    }
    return count;
}

int command_keys_of(const struct command_row *row, const struct args *args, unsigned *places)
{
    int last, count = 0;

    if (row->find_keys) return row->find_keys(args, places);
    if (row->keys.first == 0) return row->key_specs ? keys_by_specs(row->key_specs, args, places) : 0;
    last = row->keys.last >= 0 ? row->keys.last : (int)args->n + row->keys.last;
    if (last >= (int)args->n) return -1;
    for (int i = row->keys.first; i <= last; i += row->keys.step) places[count++] = (unsigned)i;
    return count;
}

unsigned command_key_access(const struct command_row *row, const struct args *args, unsigned k, unsigned place)
{
    struct command_key_spec spec;
    unsigned access = row->access;

    if (row->find_access) return row->find_access(args, k);
    for (unsigned i = 0; command_key_spec_at(row, i, &spec); i++) {
        struct spec_range range;
        int from;

        access = spec.access;
        if (!spec_range(&spec, args, &range)) continue;
        from = (int)place - range.first;
        if (from >= 0 && from % range.step == 0 && from / range.step < range.count) break;
    }
    return access;
}
