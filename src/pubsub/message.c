#include "coatcheck/pubsub/message.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/number.h"

static const struct bytes heads[2][2] = {
    {{"*3\r\n$7\r\nmessage\r\n", 17}, {">3\r\n$7\r\nmessage\r\n", 17}},
    {{"*3\r\n$8\r\nsmessage\r\n", 18}, {">3\r\n$8\r\nsmessage\r\n", 18}},
};

struct bytes message_head(const struct message *message, unsigned resp)
{
    return heads[message->kind == CHANNEL_SHARD][resp == 3];
}

static char *print_len(char *at, size_t len)
{
    *at++ = '$';
    at += number_print_int(at, (int64_t)len);
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

static char *print_bulk(char *at, struct bytes bytes)
{
    at = print_len(at, bytes.len);
    if (bytes.len > 0) memcpy(at, bytes.at, bytes.len);
    at += bytes.len;
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

struct message *message_new(enum channel_kind kind, struct bytes channel, struct bytes payload, uint32_t refs)
{
    struct bytes head = heads[kind == CHANNEL_SHARD][0];
    size_t room = sizeof(struct message) + head.len + channel.len + payload.len + 2 * (NUMBER_MAX_TEXT + 5);
    struct message *message = mem_alloc(room);
    char *at;

    if (!message) return NULL;
    at = message->frame;
    memcpy(at, head.at, head.len);
    at = print_bulk(at + head.len, channel);
    message->channel_at = (size_t)(at - message->frame) - channel.len - 2;
    message->channel_len = channel.len;
    at = print_bulk(at, payload);
    message->len = (size_t)(at - message->frame);
    message->kind = (uint8_t)kind;
    message->head = (uint8_t)head.len;
    atomic_store_explicit(&message->refs, refs, memory_order_relaxed);
    must(sizeof(struct message) + message->len <= room);
    return message;
}

void message_release(struct message *message)
{
    if (atomic_fetch_sub_explicit(&message->refs, 1, memory_order_acq_rel) == 1) mem_free(message);
}

void message_add_pattern_head(struct bytes pattern, unsigned resp, struct text *into)
{
    text_add(into, resp == 3 ? BYTES(">4\r\n$8\r\npmessage\r\n$") : BYTES("*4\r\n$8\r\npmessage\r\n$"));
    text_add_int(into, (int64_t)pattern.len);
    text_add(into, BYTES("\r\n"));
    text_add(into, pattern);
    text_add(into, BYTES("\r\n"));
}
