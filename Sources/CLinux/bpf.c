// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <linux/bpf.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

_Static_assert(sizeof(struct bpf_insn) == sizeof(uint64_t), "bpf_insn");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the order of an instruction's fields in its 64 bits");
_Static_assert(CLX_BPF_ALLOW_OVERRIDE == BPF_F_ALLOW_OVERRIDE, "BPF_F_ALLOW_OVERRIDE");
_Static_assert(CLX_BPF_ALLOW_MULTI == BPF_F_ALLOW_MULTI, "BPF_F_ALLOW_MULTI");
_Static_assert(CLX_BPF_REPLACE == BPF_F_REPLACE, "BPF_F_REPLACE");

static int bpf(enum bpf_cmd command, union bpf_attr *attributes) {
    return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

int clx_cgroup_version(int descriptor) {
    struct statfs status;
    if (fstatfs(descriptor, &status) != 0)
        return -1;
    return status.f_type == CGROUP_SUPER_MAGIC ? 1 : status.f_type == CGROUP2_SUPER_MAGIC ? 2 : 0;
}

int clx_bpf_query_device_programs(int cgroup, uint32_t *ids, uint32_t *count, uint32_t *flags) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.query.target_fd = (uint32_t)cgroup;
    attributes.query.attach_type = BPF_CGROUP_DEVICE;
    attributes.query.prog_ids = (uintptr_t)ids;
    attributes.query.prog_cnt = *count;
    int result = bpf(BPF_PROG_QUERY, &attributes);
    *count = attributes.query.prog_cnt;
    *flags = attributes.query.attach_flags;
    return result;
}

int clx_bpf_open_program(uint32_t id) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_id = id;
    return bpf(BPF_PROG_GET_FD_BY_ID, &attributes);
}

int clx_bpf_read_program(int program, uint64_t *instructions, uint32_t *size, uint32_t *id, bool *hidden) {
    struct bpf_prog_info info;
    memset(&info, 0, sizeof info);
    info.xlated_prog_insns = (uintptr_t)instructions;
    info.xlated_prog_len = *size;
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.info.bpf_fd = (uint32_t)program;
    attributes.info.info = (uintptr_t)&info;
    attributes.info.info_len = sizeof info;
    int result = bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes);
    *size = info.xlated_prog_len;
    *id = info.id;
    *hidden = instructions != NULL && info.xlated_prog_insns == 0;
    return result;
}

int clx_bpf_load_device_program(const uint64_t *instructions, uint32_t count, const char *license) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attributes.insns = (uintptr_t)instructions;
    attributes.insn_cnt = count;
    attributes.license = (uintptr_t)license;
    return bpf(BPF_PROG_LOAD, &attributes);
}

int clx_bpf_attach_device_program(int cgroup, int program, uint32_t flags, int replaced) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.target_fd = (uint32_t)cgroup;
    attributes.attach_bpf_fd = (uint32_t)program;
    attributes.attach_type = BPF_CGROUP_DEVICE;
    attributes.attach_flags = flags;
    attributes.replace_bpf_fd = flags & BPF_F_REPLACE ? (uint32_t)replaced : 0;
    return bpf(BPF_PROG_ATTACH, &attributes);
}

int clx_bpf_detach_device_program(int cgroup, int program) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.target_fd = (uint32_t)cgroup;
    attributes.attach_bpf_fd = (uint32_t)program;
    attributes.attach_type = BPF_CGROUP_DEVICE;
    return bpf(BPF_PROG_DETACH, &attributes);
}
