/* sort_pattern: a pattern's star is replaced by an element, and what the key of that name holds is what was meant. */
#include "sort_internal.h"

/* As far as redis-server looks: to the first zero byte. */
static size_t visible_len(struct bytes word)
{
    const char *zero = word.len > 0 ? memchr(word.at, '\0', word.len) : NULL;

    return zero ? (size_t)(zero - word.at) : word.len;
}

static const char *find_star(struct bytes word)
{
    size_t len = visible_len(word);

    return len > 0 ? memchr(word.at, '*', len) : NULL;
}

bool sort_pattern_is_constant(struct bytes word)
{
    return find_star(word) == NULL;
}

/* Where "->" begins in a text of `len` bytes, with something behind it; NULL: nowhere. */
static const char *find_arrow(const char *at, size_t len)
{
    for (size_t i = 0; i + 1 < len; i++) {
        if (at[i] == '-' && at[i + 1] == '>') return i + 2 < len ? at + i : NULL;
    }
    return NULL;
}

struct sort_pattern sort_pattern_read(struct bytes word)
{
    struct sort_pattern pattern = {0};
    size_t seen = visible_len(word);
    const char *star = find_star(word), *end = word.at + word.len, *arrow;

    pattern.is_element = seen == 1 && word.at[0] == '#';
    if (!star) return pattern;
    pattern.names_keys = true;
    arrow = find_arrow(star + 1, (size_t)(word.at + seen - star - 1));
    pattern.before = bytes_of(word.at, (size_t)(star - word.at));
    pattern.after = bytes_of(star + 1, (size_t)((arrow ? arrow : end) - star - 1));
    if (arrow) {
        pattern.has_field = true;
        pattern.field = bytes_of(arrow + 2, (size_t)(end - arrow - 2));
    }
    return pattern;
}

static void look_up_field(const struct entry *entry, struct bytes name, struct sort_found *found)
{
    if (entry_type(entry) != VALUE_HASH) return;
    found->there = hash_get(entry_container(entry), name, &found->of_hash);
    if (found->there) found->text = found->of_hash.value;
}

bool sort_look_up(struct call *call, const struct sort_pattern *pattern, struct bytes element, struct text *name,
                  struct sort_found *found)
{
    struct entry *entry;
    struct key key;

    found->there = pattern->is_element;
    found->entry = NULL;
    found->text = element;
    if (!pattern->names_keys) return true;
    text_clear(name);
    text_add(name, pattern->before);
    text_add(name, element);
    text_add(name, pattern->after);
    if (text_failed(name)) return false;
    key_init(&key, call->keyspace, call_db(call), text_bytes(name));
    entry = session_flags(call->session) & SESSION_NO_TOUCH ? key_read_quietly(&key) : key_read(&key);
    if (!entry) return true;
    if (pattern->has_field) {
        look_up_field(entry, pattern->field, found);
    } else if (entry_type(entry) == VALUE_STRING) {
        found->there = true;
        found->entry = entry;
        found->text = entry_string(entry, found->digits);
    }
    return true;
}
