#include "topology.h"

#include <cpuid.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "serving_cpu.h"

namespace serving {
namespace {

constexpr int kArchRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
constexpr int kTileDataFeature = 18;            // XFEATURE_XTILEDATA

uint64_t read_xcr0() {
    uint32_t low = 0;
    uint32_t high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t{high} << 32) | low;
}

// The process's quota in processors by its cgroup (version 2, then 1), or a large number without one.
double cgroup_quota() {
    char text[128] = {};
    const auto read = [&text](const char* path) {
        const int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0) {
            return false;
        }

        const ssize_t length = ::read(file, text, sizeof text - 1);
        close(file);
        text[length > 0 ? length : 0] = 0;
        return length > 0;
    };

    constexpr double kNone = 1e9;
    if (read("/sys/fs/cgroup/cpu.max")) {
        double quota = 0;
        double period = 0;
        return sscanf(text, "%lf %lf", &quota, &period) == 2 && quota > 0 && period > 0 ? quota / period : kNone;
    }

    if (read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")) {
        const double quota = atof(text);
        if (quota > 0 && read("/sys/fs/cgroup/cpu/cpu.cfs_period_us")) {
            const double period = atof(text);
            return period > 0 ? quota / period : kNone;
        }
    }

    return kNone;
}

}  // namespace

uint32_t detect_integer_isas() {
    const uint32_t sets = detect_instruction_sets();
    if ((sets & (1u << SRV_ISA_AVX2)) == 0) {
        return 0;
    }

    uint32_t a = 0;
    uint32_t b = 0;
    uint32_t c = 0;
    uint32_t d = 0;
    uint32_t integer = 1u << SRV_INTEGER_AVX2;
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & (1u << 4)) != 0) {
        integer |= 1u << SRV_INTEGER_AVX_VNNI;
    }

    if ((sets & (1u << SRV_ISA_AVX512)) != 0 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & (1u << 11)) != 0) {
        integer |= 1u << SRV_INTEGER_AVX512_VNNI;
    }

    return integer;
}

uint32_t detect_instruction_sets() {
    uint32_t a = 0;
    uint32_t b = 0;
    uint32_t c = 0;
    uint32_t d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) {
        return 0;
    }

    const bool fma = (c & bit_FMA) != 0;
    const bool saves = (c & bit_OSXSAVE) != 0;
    if (!fma || !saves || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        return 0;
    }

    const uint64_t state = read_xcr0();
    uint32_t sets = 0;
    if ((state & 0x6) != 0x6 || (b & bit_AVX2) == 0) {
        return 0;
    }

    sets |= 1u << SRV_ISA_AVX2;
    sets |= 1u << SRV_ISA_AMX_EMULATED;
    const uint32_t wide = bit_AVX512F | bit_AVX512BW | bit_AVX512VL | bit_AVX512DQ;
    if ((state & 0xE6) != 0xE6 || (b & wide) != wide) {
        return sets;
    }

    sets |= 1u << SRV_ISA_AVX512;
    uint32_t more = 0;
    uint32_t ignored = 0;
    if (__get_cpuid_count(7, 1, &more, &ignored, &ignored, &ignored) && (more & (1u << 5)) != 0) {
        sets |= 1u << SRV_ISA_AVX512_BF16;
    }

    const bool tiles = (d & (1u << 24)) != 0 && (d & (1u << 22)) != 0 && (state & 0x60000) == 0x60000;
    if (tiles && syscall(SYS_arch_prctl, kArchRequestPermission, kTileDataFeature) == 0) {
        sets |= 1u << SRV_ISA_AMX;
    }

    return sets;
}

int affinity_count() {
    cpu_set_t set;
    CPU_ZERO(&set);
    return sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
}

int default_thread_count() {
    int count = affinity_count();
    const double quota = cgroup_quota();
    if (quota < count) {
        count = static_cast<int>(quota + 0.5);
    }

    if (count >= 4) {
        count -= 1;
    }

    return count < 1 ? 1 : count;
}

void pin_to_processor(int index) {
    cpu_set_t all;
    CPU_ZERO(&all);
    if (sched_getaffinity(getpid(), sizeof all, &all) != 0) {
        return;
    }

    for (int processor = 0; processor < CPU_SETSIZE; processor++) {
        if (CPU_ISSET(processor, &all) && index-- == 0) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(processor, &one);
            sched_setaffinity(0, sizeof one, &one);
            return;
        }
    }
}

}  // namespace serving
