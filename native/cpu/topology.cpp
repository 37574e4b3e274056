#include "topology.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace serving {
namespace {

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
