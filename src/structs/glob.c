#include "coatcheck/structs/glob.h"

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static bool same(char a, char b, bool nocase)
{
    return a == b || (nocase && lower(a) == lower(b));
}

/* From the first to the last, whichever was written first. Bytes count as signed here, as Redis
 * reads them: [\x80-a] holds all of ASCII up to a. */
static bool within(signed char first, signed char last, signed char c, bool nocase)
{
    int from = first < last ? first : last;
    int to = first < last ? last : first;

    if (!nocase) return c >= from && c <= to;
    return lower(c) >= lower(from) && lower(c) <= lower(to);
}

/* pattern.at[*at] stands behind a '['; leaves *at behind the ']'. A class that is never closed ends
 * with the pattern and counts all the same; a quoted byte in it keeps its case. */
static bool match_class(struct bytes pattern, size_t *at, char c, bool nocase)
{
    const char *p = pattern.at;
    size_t i = *at;
    bool inverted = i < pattern.len && p[i] == '^';
    bool found = false;

    if (inverted) i++;
    for (; i < pattern.len && p[i] != ']'; i++) {
        size_t left = pattern.len - i;

        if (p[i] == '\\' && left >= 2) {
            i++;
            if (p[i] == c) found = true;
        } else if (left >= 3 && p[i + 1] == '-') {
            if (within((signed char)p[i], (signed char)p[i + 2], (signed char)c, nocase)) {
                found = true;
            }
            i += 2;
        } else if (same(p[i], c, nocase)) {
            found = true;
        }
    }
    *at = i < pattern.len ? i + 1 : i;
    return found != inverted;
}

/* Does the element of the pattern at *at, which is no star, match this one byte? Steps over it. */
static bool match_one(struct bytes pattern, size_t *at, char c, bool nocase)
{
    char wanted = pattern.at[(*at)++];

    if (wanted == '?') return true;
    if (wanted == '[') return match_class(pattern, at, c, nocase);
    if (wanted == '\\' && *at < pattern.len) wanted = pattern.at[(*at)++];
    return same(wanted, c, nocase);
}

/* Only the last star that was passed is ever widened: what stands before it has matched as early as
 * it can, and whatever an earlier star could give up, the later one can take up. So the work is at
 * most the length of the pattern times that of the text. */
static bool match(struct bytes pattern, struct bytes text, bool nocase)
{
    size_t p = 0, t = 0, after_star = 0, star_ends = 0;
    bool starred = false;

    /* Redis asks the pattern nothing when there is no text: not even "*" matches it. */
    if (text.len == 0) return pattern.len == 0;

    while (t < text.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            while (p < pattern.len && pattern.at[p] == '*') p++;
            if (p == pattern.len) return true;
            starred = true;
            after_star = p;
            star_ends = t;
        } else if (p < pattern.len && match_one(pattern, &p, text.at[t], nocase)) {
            t++;
        } else if (starred) {
            p = after_star;
            t = ++star_ends;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*') p++;
    return p == pattern.len;
}

bool glob_match(struct bytes pattern, struct bytes text)
{
    return match(pattern, text, false);
}

bool glob_match_nocase(struct bytes pattern, struct bytes text)
{
    return match(pattern, text, true);
}
