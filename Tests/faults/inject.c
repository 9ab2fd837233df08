// SPDX-License-Identifier: Apache-2.0
// Runs a command again and again, each time with one fault in it.
//
//     inject STDIN STDOUT STDERR UNTIL COMMAND...
//
// reads requests from standard input, a line each, and answers with a line each. The command gets the files STDIN,
// STDOUT and STDERR, which are emptied before; once it executes the file UNTIL it is left alone: that is the low-level
// runtime. System calls are counted from 1, over all processes of the command. strace(1) can do most of this, at fifty
// times the cost.
//
//     trace               no fault; prints every call before the answer: "call NUMBER ARGUMENT..." with four arguments
//     kill N              SIGKILL before the N-th call
//     error N ERRNO       the N-th call fails with ERRNO and has no effect
//     short N             the N-th call gets 1 as its third argument: a short read or write
//     without N...        every call with one of these numbers, or not less than N for ">=N", fails with ENOSYS
//     after MICROSECONDS  SIGKILL at that time
//     plain
//
// The answer: "ended STATUS SIGNAL CALLS NUMBER EXECUTED LEFT MOUNTS MICROSECONDS CONFINEMENT": the exit status, or the
// signal; calls that were counted; the number of the call with the fault, or -1; whether UNTIL was executed; processes
// that were left when it had ended, 3 s later (they are killed then); whether the mounts are as before; and, of a
// command that was traced to its end, "NO_NEW_PRIVS:SECCOMP:CAPABILITIES:OPEN", the last of which is whether it has
// the descriptor 50 open that every command inherits. A signal of -1 is no end.
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { end_limit = 20000, grace = 3000 }; // milliseconds
enum { most_processes = 64, most_rules = 128, inherited = 50 };

static char **arguments;
static const char *files[3], *until;

static void fail(const char *what) {
    perror(what);
    exit(125);
}

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

// Registers

#if defined __x86_64__
typedef struct user_regs_struct registers;
#define NATIVE AUDIT_ARCH_X86_64
static void set_number(pid_t process, registers *values, long number) {
    (void)process;
    values->orig_rax = (unsigned long)number;
}
static void set_first(registers *values, unsigned long value) { values->rdi = value; }
static void set_third(registers *values, unsigned long value) { values->rdx = value; }
static void set_result(registers *values, long result) { values->rax = (unsigned long)result; }
#elif defined __aarch64__
typedef struct user_pt_regs registers;
#define NATIVE AUDIT_ARCH_AARCH64
static void set_number(pid_t process, registers *values, long number) {
    (void)values;
    int word = (int)number;
    struct iovec vector = {&word, sizeof word};
    ptrace(PTRACE_SETREGSET, process, NT_ARM_SYSTEM_CALL, &vector);
}
static void set_first(registers *values, unsigned long value) { values->regs[0] = value; }
static void set_third(registers *values, unsigned long value) { values->regs[2] = value; }
static void set_result(registers *values, long result) { values->regs[0] = (unsigned long)result; }
#endif

static void with_registers(pid_t process, void (*change)(pid_t, registers *, long), long value) {
    registers values;
    struct iovec vector = {&values, sizeof values};
    if (ptrace(PTRACE_GETREGSET, process, NT_PRSTATUS, &vector) != 0)
        return;
    change(process, &values, value);
    ptrace(PTRACE_SETREGSET, process, NT_PRSTATUS, &vector);
}
static void change_first(pid_t process, registers *values, long value) {
    (void)process;
    set_first(values, (unsigned long)value);
}
static void change_third(pid_t process, registers *values, long value) {
    (void)process;
    set_third(values, (unsigned long)value);
}
static void change_result(pid_t process, registers *values, long value) {
    (void)process;
    set_result(values, value);
}

// Requests

enum action { trace, kill_at, error_at, short_at, without, after, plain };
static const char *const action_names[] = {"trace", "kill", "error", "short", "without", "after", "plain"};

struct request {
    enum action action;
    long number, value;
    struct sock_filter rules[most_rules];
    unsigned short rule_count;
};

static void add_rule(struct request *request, struct sock_filter rule) {
    if (request->rule_count == most_rules) {
        errno = E2BIG;
        fail("rules");
    }
    request->rules[request->rule_count++] = rule;
}

/// A filter for `without`. Also what came with none of these calls: the ambient set of capabilities (Linux 4.3).
static void add_rules(struct request *request, char *words) {
    add_rule(request, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
        bool is_least = !strncmp(word, ">=", 2);
        unsigned number = (unsigned)atol(word + (is_least ? 2 : 0));
        add_rule(request, (struct sock_filter)BPF_JUMP(BPF_JMP | (is_least ? BPF_JGE : BPF_JEQ) | BPF_K, number, 0, 1));
        add_rule(request, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
        if (!is_least)
            continue;
        add_rule(request, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3));
        add_rule(request, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)));
        add_rule(request, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_CAP_AMBIENT, 0, 1));
        add_rule(request, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL));
    }
    add_rule(request, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
}

static bool parse(char *line, struct request *request) {
    line[strcspn(line, "\n")] = 0;
    char *rest = strchr(line, ' ');
    if (rest != NULL)
        *rest++ = 0;
    memset(request, 0, sizeof *request);
    for (unsigned index = 0; index < sizeof action_names / sizeof *action_names; index++)
        if (!strcmp(line, action_names[index])) {
            request->action = index;
            if (index == without)
                add_rules(request, rest);
            else if (rest != NULL)
                sscanf(rest, "%ld %ld", &request->number, &request->value);
            return true;
        }
    return false;
}

// The command

static void execute(const struct request *request, bool is_traced) {
    int root = open("/", O_RDONLY);
    if (root < 0 || dup2(root, inherited) < 0)
        _exit(125);
    close(root);
    for (int descriptor = 0; descriptor <= 2; descriptor++) {
        int flags = descriptor == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC | O_APPEND;
        int file = open(files[descriptor], flags, 0644);
        if (file < 0 || dup2(file, descriptor) < 0)
            _exit(125);
        close(file);
    }
    if (is_traced) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
    }
    if (request->action == without) {
        struct sock_fprog program = {request->rule_count, (struct sock_filter *)request->rules};
        // Needs CAP_SYS_ADMIN, since no_new_privs is what the hook is to set by itself.
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
            _exit(125);
    }
    execvp(arguments[0], arguments);
    _exit(127);
}

struct outcome {
    int status, signal, executed, left, mounts_are_same;
    long calls, number;
    long long time;
    char confinement[64];
};

struct process {
    pid_t number;
    bool is_free;     // not stopped at system calls any more
    bool has_pending; // a result to be put in place at the end of the call
    long first;       // or brk(2)'s argument, which the C library looks at again
};
static struct process processes[most_processes];
static int process_count;

static struct process *find(pid_t number) {
    for (int index = 0; index < process_count; index++)
        if (processes[index].number == number)
            return &processes[index];
    if (process_count == most_processes) {
        errno = EAGAIN;
        fail("processes");
    }
    processes[process_count] = (struct process){.number = number};
    return &processes[process_count++];
}

static void forget(pid_t number) {
    for (int index = 0; index < process_count; index++)
        if (processes[index].number == number)
            processes[index] = processes[--process_count];
}

static void ignore(int signal) { (void)signal; }

/// Interrupts waiting in `milliseconds`.
static void set_timer(long long milliseconds) {
    struct itimerval timer = {{0, 50000}, {milliseconds / 1000, milliseconds % 1000 * 1000}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

static bool executes_until(pid_t process) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/%d/exe", process);
    ssize_t count = readlink(link, path, sizeof path - 1);
    if (count < 0)
        return false;
    path[count] = 0;
    return !strcmp(path, until);
}

/// Acts on the process at the start or end of a system call. Returns how to go on with it.
static enum __ptrace_request at_system_call(
    const struct request *request, struct outcome *outcome, struct process *process) {
    struct __ptrace_syscall_info call;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, process->number, sizeof call, &call) <= 0)
        return PTRACE_SYSCALL;
    if (call.op == PTRACE_SYSCALL_INFO_EXIT) {
        if (process->has_pending) {
            if (outcome->number == SYS_brk)
                with_registers(process->number, change_first, process->first);
            else
                with_registers(process->number, change_result, -request->value);
            process->has_pending = false;
            process->is_free = true;
            return PTRACE_CONT;
        }
        return PTRACE_SYSCALL;
    }
    if (call.op != PTRACE_SYSCALL_INFO_ENTRY)
        return PTRACE_SYSCALL;
    outcome->calls++;
    if (request->action == trace)
        printf("call %lld %llu %llu %llu %llu\n", (long long)call.entry.nr, (unsigned long long)call.entry.args[0],
               (unsigned long long)call.entry.args[1], (unsigned long long)call.entry.args[2],
               (unsigned long long)call.entry.args[3]);
    if (outcome->calls != request->number)
        return PTRACE_SYSCALL;
    outcome->number = (long)call.entry.nr;
    switch (request->action) {
    case kill_at:
        kill(process->number, SIGKILL);
        break;
    case error_at:
        process->has_pending = true;
        process->first = (long)call.entry.args[0];
        if (call.entry.nr == SYS_brk) // which answers with the end of the heap as it is, and never with an error
            with_registers(process->number, change_first, 0);
        else
            with_registers(process->number, set_number, -1);
        break;
    case short_at:
        with_registers(process->number, change_third, 1);
        break;
    default:
        break;
    }
    return PTRACE_SYSCALL;
}

/// How confined the process is, before its end.
static void note_confinement(struct outcome *outcome, pid_t process) {
    char path[64], line[256];
    int no_new_privileges = -1, seccomp = -1;
    unsigned long long capabilities = 0;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", process, inherited);
    bool is_open = readlink(path, line, sizeof line) >= 0;
    snprintf(path, sizeof path, "/proc/%d/status", process);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "NoNewPrivs: %d", &no_new_privileges);
        (void)sscanf(line, "Seccomp: %d", &seccomp);
        (void)sscanf(line, "CapPrm: %llx", &capabilities);
    }
    if (file != NULL)
        fclose(file);
    snprintf(outcome->confinement, sizeof outcome->confinement, "%d:%d:%llx:%d", no_new_privileges, seccomp,
             capabilities, is_open);
}

/// Takes the news of one process.
static void take(const struct request *request, struct outcome *outcome, pid_t command, pid_t number, int status) {
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
        forget(number);
        if (number == command) {
            outcome->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
            outcome->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
            outcome->time = now() - outcome->time;
            set_timer(grace);
        }
        return;
    }
    struct process *process = find(number);
    int signal = WSTOPSIG(status), event = status >> 16;
    enum __ptrace_request next = process->is_free ? PTRACE_CONT : PTRACE_SYSCALL;
    if (signal == (SIGTRAP | 0x80)) {
        next = at_system_call(request, outcome, process);
        signal = 0;
    } else if (event == PTRACE_EVENT_EXEC) {
        signal = 0;
        if (executes_until(number)) {
            outcome->executed = 1;
            process->is_free = true;
            next = PTRACE_CONT;
        }
    } else if (event == PTRACE_EVENT_EXIT) {
        signal = 0;
        if (number == command && !outcome->executed)
            note_confinement(outcome, number);
    } else if (event != 0 || signal == SIGSTOP) {
        signal = 0; // of a new process, or ours
    }
    // No fault is to come: full speed.
    if (request->action == without || (outcome->number != -1 && !process->has_pending))
        next = PTRACE_CONT;
    ptrace(next, number, 0, signal);
}

static void run(const struct request *request, struct outcome *outcome) {
    *outcome = (struct outcome){.status = -1, .signal = -1, .number = -1, .time = now(), .confinement = "-"};
    bool is_traced = request->action <= without;
    process_count = 0;
    pid_t command = fork();
    if (command < 0)
        fail("fork");
    if (command == 0)
        execute(request, is_traced);
    long long limit = now() + end_limit * 1000LL;
    set_timer(request->action == after ? (request->number + 999) / 1000 + 1 : end_limit);
    if (is_traced) {
        int status;
        if (waitpid(command, &status, 0) != command)
            fail("wait");
        long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
            PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL;
        ptrace(PTRACE_SETOPTIONS, command, 0, options);
        // Up to its execve(2), which is not the command's.
        for (ptrace(PTRACE_CONT, command, 0, 0);;) {
            if (waitpid(command, &status, 0) != command || !WIFSTOPPED(status))
                fail("start");
            if (status >> 16 == PTRACE_EVENT_EXEC)
                break;
            ptrace(PTRACE_CONT, command, 0, 0);
        }
        (void)find(command);
        ptrace(request->action == without ? PTRACE_CONT : PTRACE_SYSCALL, command, 0, 0);
    } else if (request->action == after) {
        struct timespec time = {0, request->number * 1000};
        nanosleep(&time, NULL);
        kill(command, SIGKILL);
    }
    for (;;) {
        int status;
        pid_t number = waitpid(-1, &status, __WALL);
        if (number < 0 && errno == ECHILD)
            break;
        if (number > 0) {
            take(request, outcome, command, number, status);
            continue;
        }
        bool is_over = outcome->signal != -1 || outcome->status != -1;
        if (!is_over && now() < limit)
            continue;
        // What has not ended by itself, is counted and killed.
        char path[64], line[4096];
        snprintf(path, sizeof path, "/proc/%d/task/%d/children", getpid(), getpid());
        FILE *children = fopen(path, "r");
        if (children != NULL && fgets(line, sizeof line, children) != NULL)
            for (char *word = strtok(line, " \n"); word != NULL; word = strtok(NULL, " \n")) {
                outcome->left += atoi(word) != command;
                kill(atoi(word), SIGKILL);
            }
        if (children != NULL)
            fclose(children);
    }
    set_timer(0);
}

static char *mounts(void) {
    static char buffers[2][1 << 18];
    static int turn;
    char *text = buffers[turn ^= 1];
    int file = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    size_t filled = 0;
    for (ssize_t count; filled < sizeof *buffers - 1; filled += (size_t)count)
        if ((count = read(file, text + filled, sizeof *buffers - 1 - filled)) <= 0)
            break;
    text[filled] = 0;
    close(file);
    return text;
}

int main(int count, char **words) {
    if (count < 6)
        return 2;
    for (int index = 0; index < 3; index++)
        files[index] = words[1 + index];
    until = words[4];
    arguments = words + 5;
    signal(SIGPIPE, SIG_DFL);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = ignore}, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    static char line[1 << 16];
    while (fgets(line, sizeof line, stdin) != NULL) {
        struct request request;
        struct outcome outcome;
        if (!parse(line, &request))
            return 2;
        const char *before = mounts();
        run(&request, &outcome);
        outcome.mounts_are_same = !strcmp(before, mounts());
        printf("ended %d %d %ld %ld %d %d %d %lld %s\n", outcome.status, outcome.signal, outcome.calls, outcome.number,
               outcome.executed, outcome.left, outcome.mounts_are_same, outcome.time, outcome.confinement);
        fflush(stdout);
    }
    return 0;
}
