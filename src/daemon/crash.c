#include "coatcheck/daemon/crash.h"

#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include "coatcheck/base/log.h"
#include "coatcheck/version.h"

/* Unwinding and the name lookup of backtrace_symbols_fd() need some 10 KB, the frames of a
 * sanitizer and of AVX-512 several times that. What is not touched costs only addresses. */
#define STACK_BYTES (256u << 10)
#define GUARD_BYTES (64u << 10) /* a page, whatever the size of pages is */
#define MOST_FRAMES 64
#define FRAME_BYTES (1u << 20) /* a frame that is said to be larger is none */
#define LINE_ROOM 256
#define PATIENCE_S 10

/* Reads a crashed thread's stack, which a sanitizer takes for a mistake. */
#define UNCHECKED __attribute__((no_sanitize("address", "undefined")))

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The parts of a report, in order. A part that crashes is left for the next one, so the surest come
 * first. */
enum part { PART_HEAD, PART_BACKTRACE, PART_COMMAND, PART_END };

static struct {
    _Atomic int thread; /* who reports; 0: nobody */
    _Atomic int part;
    _Atomic int signal;

    /* who reports: what it is all about, even when a part has crashed in turn */
    const siginfo_t *info;
    const ucontext_t *context;
} report;

static void (*_Atomic describe_now)(int fd);

static _Thread_local struct {
    char *mapping; /* NULL: no stack of ours */
    stack_t before;
} own_stack;

/* ---- words ---- */

static void write_all(int fd, const char *at, size_t len)
{
    while (len > 0) {
        ssize_t wrote = write(fd, at, len);

        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return;
        at += wrote;
        len -= (size_t)wrote;
    }
}

void crash_write(int fd, const char *text)
{
    write_all(fd, text, strlen(text));
}

void crash_write_bytes(int fd, const char *at, unsigned long len)
{
    static const char hex[] = "0123456789abcdef";
    char out[LINE_ROOM];
    size_t filled = 0;

    for (unsigned long i = 0; i < len; i++) {
        unsigned char c = (unsigned char)at[i];

        if (filled + 4 > sizeof out) {
            write_all(fd, out, filled);
            filled = 0;
        }
        if (c >= 0x20 && c < 0x7f && c != '\\' && c != '"') {
            out[filled++] = (char)c;
        } else {
            out[filled++] = '\\';
            out[filled++] = 'x';
            out[filled++] = hex[c >> 4];
            out[filled++] = hex[c & 15];
        }
    }
    write_all(fd, out, filled);
}

static void write_number(int fd, unsigned long number, unsigned base)
{
    static const char digits[] = "0123456789abcdef";
    char out[24];
    size_t at = sizeof out;

    do {
        out[--at] = digits[number % base];
        number /= base;
    } while (number);
    write_all(fd, out + at, sizeof out - at);
}

void crash_write_int(int fd, long number)
{
    if (number < 0) crash_write(fd, "-");
    write_number(fd, number < 0 ? 0 - (unsigned long)number : (unsigned long)number, 10);
}

void crash_write_hex(int fd, unsigned long number)
{
    crash_write(fd, "0x");
    write_number(fd, number, 16);
}

static void write_register(int fd, const char *name, unsigned long value)
{
    crash_write(fd, name);
    crash_write_hex(fd, value);
}

/* ---- the parts ---- */

static const char *name_of(int number)
{
    /* clang-format off */
    switch (number) {
    case SIGSEGV: return "SIGSEGV";
    case SIGBUS: return "SIGBUS";
    case SIGFPE: return "SIGFPE";
    case SIGILL: return "SIGILL";
    case SIGABRT: return "SIGABRT";
    default: return "signal";
    }
    /* clang-format on */
}

static const char *cause_of(const siginfo_t *info)
{
    if (info->si_code <= 0) return "sent by a process";
    /* clang-format off */
    switch (info->si_signo) {
    case SIGSEGV:
        if (info->si_code == SEGV_MAPERR) return "nothing is mapped there";
        if (info->si_code == SEGV_ACCERR) return "the mapping forbids it";
        return "an address that is none";
    case SIGBUS: return "no memory behind the address";
    case SIGFPE: return info->si_code == FPE_INTDIV ? "division by zero" : "arithmetic";
    case SIGILL: return "no such instruction";
    default: return "";
    }
    /* clang-format on */
}

static void write_cause(int fd, const siginfo_t *info)
{
    crash_write(fd, "signal ");
    crash_write_int(fd, info->si_signo);
    crash_write(fd, " (");
    crash_write(fd, name_of(info->si_signo));
    crash_write(fd, "), ");
    crash_write(fd, cause_of(info));
    if (info->si_code > 0) {
        write_register(fd, ", address ", (unsigned long)info->si_addr);
    } else {
        crash_write(fd, ", pid ");
        crash_write_int(fd, info->si_pid);
    }
    crash_write(fd, "\n");
}

static void write_registers(int fd, const ucontext_t *at)
{
#if defined(__x86_64__)
    const greg_t *registers = at->uc_mcontext.gregs;

    write_register(fd, "registers: pc ", (unsigned long)registers[REG_RIP]);
    write_register(fd, " sp ", (unsigned long)registers[REG_RSP]);
    write_register(fd, " fp ", (unsigned long)registers[REG_RBP]);
    write_register(fd, "\n  rax ", (unsigned long)registers[REG_RAX]);
    write_register(fd, " rbx ", (unsigned long)registers[REG_RBX]);
    write_register(fd, " rcx ", (unsigned long)registers[REG_RCX]);
    write_register(fd, " rdx ", (unsigned long)registers[REG_RDX]);
    write_register(fd, "\n  rsi ", (unsigned long)registers[REG_RSI]);
    write_register(fd, " rdi ", (unsigned long)registers[REG_RDI]);
    write_register(fd, " r8 ", (unsigned long)registers[REG_R8]);
    write_register(fd, " r9 ", (unsigned long)registers[REG_R9]);
    write_register(fd, "\n  r10 ", (unsigned long)registers[REG_R10]);
    write_register(fd, " r11 ", (unsigned long)registers[REG_R11]);
    write_register(fd, " r12 ", (unsigned long)registers[REG_R12]);
    write_register(fd, " r13 ", (unsigned long)registers[REG_R13]);
    write_register(fd, "\n  r14 ", (unsigned long)registers[REG_R14]);
    write_register(fd, " r15 ", (unsigned long)registers[REG_R15]);
#elif defined(__aarch64__)
    const mcontext_t *registers = &at->uc_mcontext;

    write_register(fd, "registers: pc ", (unsigned long)registers->pc);
    write_register(fd, " sp ", (unsigned long)registers->sp);
    write_register(fd, " fp ", (unsigned long)registers->regs[29]);
    write_register(fd, " lr ", (unsigned long)registers->regs[30]);
    for (int i = 0; i < 8; i++) {
        crash_write(fd, i % 4 ? " x" : "\n  x");
        crash_write_int(fd, i);
        write_register(fd, " ", (unsigned long)registers->regs[i]);
    }
#else
    (void)at;
    crash_write(fd, "registers: not known on this processor");
#endif
    crash_write(fd, "\n");
}

static void write_head(int fd, const siginfo_t *info, const ucontext_t *at)
{
    char thread[17] = {0};
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    prctl(PR_GET_NAME, thread);
    crash_write(fd, "\n=== coatcheckd crashed ===\nversion ");
    crash_write(fd, COATCHECK_VERSION);
    crash_write(fd, ", pid ");
    crash_write_int(fd, getpid());
    crash_write(fd, ", thread ");
    crash_write_int(fd, syscall(SYS_gettid));
    crash_write(fd, " \"");
    crash_write_bytes(fd, thread, strlen(thread));
    crash_write(fd, "\", unix time ");
    crash_write_int(fd, now.tv_sec);
    crash_write(fd, "\n");
    write_cause(fd, info);
    write_registers(fd, at);
}

struct place {
    unsigned long sp, fp;
    unsigned long caller; /* where the function at pc returns to, if pc is its first instruction */
};

static unsigned long pc_of(const ucontext_t *at)
{
#if defined(__x86_64__)
    return (unsigned long)at->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return at->uc_mcontext.pc;
#else
    (void)at;
    return 1; /* no fault's address */
#endif
}

UNCHECKED static struct place place_of(const ucontext_t *at)
{
    struct place place = {0};

#if defined(__x86_64__)
    place.sp = (unsigned long)at->uc_mcontext.gregs[REG_RSP];
    place.fp = (unsigned long)at->uc_mcontext.gregs[REG_RBP];
    place.caller = *(unsigned long *)place.sp;
#elif defined(__aarch64__)
    place.sp = at->uc_mcontext.sp;
    place.fp = at->uc_mcontext.regs[29];
    place.caller = at->uc_mcontext.regs[30];
#else
    (void)at;
#endif
    return place;
}

/* A jump to where no code is leaves the unwinder nothing to start from: it reads the code at pc,
 * and crashes. The caller is known all the same, and its callers by the chain of frame pointers,
 * which we are compiled with; the C library is not, so the chain may end early. */
UNCHECKED static void write_chain(int fd, struct place place)
{
    unsigned long frame = place.fp, lowest = place.sp;

    backtrace_symbols_fd(&(void *){(void *)place.caller}, 1, fd);
    for (int i = 0; i < MOST_FRAMES; i++) {
        if (frame % sizeof(void *) || frame < lowest || frame - lowest > FRAME_BYTES) return;
        backtrace_symbols_fd((void **)frame + 1, 1, fd);
        lowest = frame + 1;
        frame = *(unsigned long *)frame;
    }
}

static bool jumped_nowhere(const siginfo_t *info, const ucontext_t *at)
{
    return info->si_signo == SIGSEGV && info->si_code > 0 &&
           pc_of(at) == (unsigned long)info->si_addr;
}

static void write_backtrace(int fd, const siginfo_t *info, const ucontext_t *at)
{
    void *frames[MOST_FRAMES];

    if (jumped_nowhere(info, at)) {
        crash_write(fd, "backtrace, innermost first (from a jump to where no code is):\n");
        write_chain(fd, place_of(at));
        return;
    }
    crash_write(fd, "backtrace, innermost first (this report's own frames on top):\n");
    backtrace_symbols_fd(frames, backtrace(frames, MOST_FRAMES), fd);
}

static void write_command(int fd)
{
    void (*describe)(int) = atomic_load(&describe_now);

    if (describe) {
        describe(fd);
    } else {
        crash_write(fd, "command at work: not known\n");
    }
}

/* ---- the handler ---- */

static void let_go(int number)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};

    sigemptyset(&usual.sa_mask);
    sigaction(number, &usual, NULL);
}

/* A fault while it is blocked kills at once, and what is raised while it is blocked waits. */
static void unblock_crashes(void)
{
    sigset_t crashes;

    sigemptyset(&crashes);
    for (unsigned i = 0; i < COUNT(crash_signals); i++) sigaddset(&crashes, crash_signals[i]);
    pthread_sigmask(SIG_UNBLOCK, &crashes, NULL);
}

/* The report hangs: a lock that the crashed thread held, a disk that does not answer. */
static void on_impatience(int unused)
{
    (void)unused;
    let_go(atomic_load(&report.signal));
    unblock_crashes();
    raise(atomic_load(&report.signal));
}

static void limit_time(void)
{
    struct sigaction end = {.sa_handler = on_impatience};
    sigset_t only;

    sigfillset(&end.sa_mask);
    sigaction(SIGALRM, &end, NULL);
    sigemptyset(&only);
    sigaddset(&only, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &only, NULL);
    alarm(PATIENCE_S);
}

static void run_parts(int fd)
{
    /* clang-format off */
    for (;;) {
        switch (atomic_fetch_add(&report.part, 1)) {
        case PART_HEAD: write_head(fd, report.info, report.context); break;
        case PART_BACKTRACE: write_backtrace(fd, report.info, report.context); break;
        case PART_COMMAND: write_command(fd); break;
        case PART_END: crash_write(fd, "=== end of the report ===\n"); break;
        default: return;
        }
    }
    /* clang-format on */
}

static void on_crash(int number, siginfo_t *info, void *context)
{
    int self = (int)syscall(SYS_gettid);
    int nobody = 0;

    unblock_crashes();
    if (atomic_compare_exchange_strong(&report.thread, &nobody, self)) {
        atomic_store(&report.signal, number);
        report.info = info;
        report.context = context;
        limit_time();
    } else if (nobody != self) {
        /* Another thread is reporting; the process ends when it has finished. */
        for (;;) pause();
    } else {
        crash_write(log_fd(), "\n(this part of the report crashed: ");
        crash_write(log_fd(), name_of(number));
        crash_write(log_fd(), ")\n");
    }
    run_parts(log_fd());

    /* A fault happens again when we return, now with its usual end: so the core shows the place of
     * the fault and not this handler. What was sent must be sent again. */
    let_go(atomic_load(&report.signal));
    if (info != report.info || info->si_code <= 0) raise(atomic_load(&report.signal));
}

/* ---- setup ---- */

bool crash_thread_setup(void)
{
    stack_t stack = {.ss_size = STACK_BYTES};
    char *mapping;

    if (own_stack.mapping) return true;
    mapping = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED) return false;
    stack.ss_sp = mapping + GUARD_BYTES;
    if (mprotect(mapping, GUARD_BYTES, PROT_NONE) < 0 ||
        sigaltstack(&stack, &own_stack.before) < 0) {
        int error = errno;

        munmap(mapping, GUARD_BYTES + STACK_BYTES);
        errno = error;
        return false;
    }
    own_stack.mapping = mapping;
    return true;
}

void crash_thread_teardown(void)
{
    if (!own_stack.mapping) return;
    /* A sanitizer had a stack of its own here, and looks for it when the thread ends. */
    sigaltstack(&own_stack.before, NULL);
    munmap(own_stack.mapping, GUARD_BYTES + STACK_BYTES);
    own_stack.mapping = NULL;
}

bool crash_setup(void)
{
    struct sigaction action = {.sa_sigaction = on_crash,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    void *frame[1];

    /* The first call loads libgcc, which allocates: not inside a handler. */
    backtrace(frame, 1);
    if (!crash_thread_setup()) return false;
    sigemptyset(&action.sa_mask);
    for (unsigned i = 0; i < COUNT(crash_signals); i++) {
        if (sigaction(crash_signals[i], &action, NULL) < 0) return false;
    }
    return true;
}

void crash_describe(void (*describe)(int fd))
{
    atomic_store(&describe_now, describe);
}
