/* A C program as people write them on hiredis: blocking, pipelined, asynchronous.
 *     hiredis PORT SOCKET */
#include <event2/event.h>
#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIPELINED = 20000, ASYNC = 5000 };

#define must(what)                                                                                 \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            printf("line %d: not so: %s\n", __LINE__, #what);                                      \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static int is_text(const redisReply *reply, int type, const char *text)
{
    return reply && reply->type == type && reply->len == strlen(text) &&
           memcmp(reply->str, text, reply->len) == 0;
}

static int is_number(const redisReply *reply, long long number)
{
    return reply && reply->type == REDIS_REPLY_INTEGER && reply->integer == number;
}

#define ask(check, ...)                                                                            \
    do {                                                                                           \
        redisReply *reply = redisCommand(context, __VA_ARGS__);                                    \
        must(check);                                                                               \
        freeReplyObject(reply);                                                                    \
    } while (0)

static void talk(redisContext *context)
{
    const char key[] = "bin\0key", value[] = "\0\r\n\xff";

    ask(is_text(reply, REDIS_REPLY_STATUS, "PONG"), "PING");
    ask(is_text(reply, REDIS_REPLY_STATUS, "OK"), "SET %s %s", "coat", "with blanks in it");
    ask(is_text(reply, REDIS_REPLY_STRING, "with blanks in it"), "GET coat");
    ask(is_text(reply, REDIS_REPLY_STATUS, "OK"), "SET %b %b", key, sizeof key, value,
        sizeof value);
    ask(reply->type == REDIS_REPLY_STRING && reply->len == sizeof value &&
            memcmp(reply->str, value, sizeof value) == 0,
        "GET %b", key, sizeof key);
    ask(reply->type == REDIS_REPLY_NIL, "GET nothing");
    ask(is_number(reply, 1), "INCR n");
    ask(is_number(reply, -9), "DECRBY n 10");
    ask(reply->type == REDIS_REPLY_ERROR &&
            strncmp(reply->str, "ERR value is not an integer", 27) == 0,
        "INCR coat");
    ask(reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
            is_text(reply->element[0], REDIS_REPLY_STRING, "-9") &&
            reply->element[1]->type == REDIS_REPLY_NIL &&
            is_text(reply->element[2], REDIS_REPLY_STRING, "with blanks in it"),
        "MGET n nothing coat");
    ask(is_number(reply, 3), "DEL n coat %b nothing", key, sizeof key);
}

static void talk_pipelined(redisContext *context)
{
    redisReply *reply;

    for (int i = 0; i < PIPELINED; i++)
        must(redisAppendCommand(context, "INCRBY sum %d", i) == REDIS_OK);
    for (long long i = 0, sum = 0; i < PIPELINED; i++) {
        sum += i;
        must(redisGetReply(context, (void **)&reply) == REDIS_OK);
        must(is_number(reply, sum));
        freeReplyObject(reply);
    }
}

static void talk_big(redisContext *context)
{
    size_t size = 20 << 20;
    char *big = malloc(size);

    for (size_t i = 0; i < size; i++) big[i] = (char)(i * 31 >> 3);
    ask(is_text(reply, REDIS_REPLY_STATUS, "OK"), "SET big %b", big, size);
    ask(reply->type == REDIS_REPLY_STRING && reply->len == size &&
            memcmp(reply->str, big, size) == 0,
        "GET big");
    free(big);
}

static void on_count(redisAsyncContext *context, void *reply, void *expected)
{
    must(is_number(reply, (long)expected));
    if ((long)expected == ASYNC) redisAsyncDisconnect(context);
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
    must(status == REDIS_OK);
    event_base_loopbreak(context->data);
}

static void talk_async(int port)
{
    struct event_base *base = event_base_new();
    redisAsyncContext *context = redisAsyncConnect("127.0.0.1", port);

    must(context && !context->err);
    context->data = base;
    must(redisLibeventAttach(context, base) == REDIS_OK);
    must(redisAsyncSetDisconnectCallback(context, on_disconnect) == REDIS_OK);
    for (long i = 1; i <= ASYNC; i++)
        must(redisAsyncCommand(context, on_count, (void *)i, "INCR async") == REDIS_OK);
    event_base_dispatch(base);
    event_base_free(base);
}

int main(int argc, char **argv)
{
    redisContext *context;

    if (argc != 3) return 2;
    context = redisConnect("127.0.0.1", atoi(argv[1]));
    must(context && !context->err);
    talk(context);
    talk_pipelined(context);
    talk_big(context);
    must(redisReconnect(context) == REDIS_OK);
    talk(context);
    redisFree(context);

    context = redisConnectUnix(argv[2]);
    must(context && !context->err);
    talk(context);
    redisFree(context);

    talk_async(atoi(argv[1]));
    printf("all is well\n");
    return 0;
}
