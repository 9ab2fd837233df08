# SPDX-License-Identifier: Apache-2.0
"""Stops a program behind a system call and makes it make others, with ptrace(2). x86-64 only."""
import ctypes
import os
import re
import signal

TRACEME, CONT, GETREGS, SETREGS, SYSCALL, SETOPTIONS = 0, 7, 12, 13, 24, 0x4200
OPTIONS = 0x1 | 0x100000  # TRACESYSGOOD, EXITKILL
REGISTERS = (
    "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs"
).split()
ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in REGISTERS]


def ptrace(request, pid, data=None):
    if LIBC.ptrace(request, pid, None, data) != 0:
        raise OSError(ctypes.get_errno(), "ptrace %d" % request)


class Killed(Exception):
    """The call ended the process; the argument is the signal."""


class Traced:
    """A program that runs from one system call to the next. Its standard input is the file `stdin`."""

    def __init__(self, command, stdin):
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.dup2(stdin, 0)
                null = os.open("/dev/null", os.O_WRONLY)
                os.dup2(null, 1)
                os.dup2(null, 2)
                ptrace(TRACEME, 0)
                os.execv(command[0], command)
            finally:
                os._exit(127)
        self.is_gone = False
        self._wait()
        ptrace(SETOPTIONS, self.pid, OPTIONS)

    def _wait(self):
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSTOPPED(status):
            return os.WSTOPSIG(status)
        self.is_gone = True
        if os.WIFSIGNALED(status):
            raise Killed(os.WTERMSIG(status))
        raise EOFError("the program ended with %d" % os.WEXITSTATUS(status))

    def _go_on(self):
        """To the next entry into or exit from a system call."""
        while True:
            ptrace(SYSCALL, self.pid)
            if self._wait() == signal.SIGTRAP | 0x80:
                return self.registers()

    def registers(self):
        registers = Registers()
        ptrace(GETREGS, self.pid, ctypes.byref(registers))
        return registers

    def run_behind(self, number):
        """Until the program has made the call `number`."""
        while True:
            self._go_on()
            if self._go_on().orig_rax == number:
                return

    def call(self, number, *arguments):
        """Has the program make a call; its result."""
        saved = self.registers()
        changed = Registers.from_buffer_copy(saved)
        changed.rip -= 2  # the instruction that made the last one
        changed.rax = number
        for name, value in zip(ARGUMENTS, arguments):
            setattr(changed, name, value & 0xFFFFFFFFFFFFFFFF)
        ptrace(SETREGS, self.pid, ctypes.byref(changed))
        self._go_on()
        result = ctypes.c_longlong(self._go_on().rax).value
        with open("/proc/%d/status" % self.pid) as file:
            pending = int(re.search(r"SigPnd:\t(\w+)", file.read()).group(1), 16)
        if pending & 1 << signal.SIGSYS - 1:
            # The filter has killed it, but for its next step.
            self._go_on()
        ptrace(SETREGS, self.pid, ctypes.byref(saved))
        return result

    def finish(self):
        """Lets it run to its end; its exit code."""
        ptrace(CONT, self.pid)
        _, status = os.waitpid(self.pid, 0)
        self.is_gone = True
        return os.waitstatus_to_exitcode(status)

    def end(self):
        if not self.is_gone:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.is_gone = True
