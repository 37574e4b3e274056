#include "prefault.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace serving {
namespace {

// The kernel takes memory a huge page at a time, and holds the lock of the address space no longer than that.
constexpr size_t kStride = size_t{2} << 20;

// Seconds of decoding, and little to lose for a daemon that is hardly used.
constexpr size_t kAhead = size_t{64} << 20;

}  // namespace

void Prefaulter::start(const Region& region) {
    region_ = region;
    wanted_ = kAhead < region.bytes ? kAhead : region.bytes;

    // Signals belong to the host process's own threads.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    running_ = pthread_create(&thread_, nullptr, &Prefaulter::enter, this) == 0;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (running_) {
        pthread_setname_np(thread_, "prefault");
    }
}

void Prefaulter::reach(size_t bytes) {
    const size_t ahead = bytes + kAhead < region_.bytes ? bytes + kAhead : region_.bytes;

    // Half a reserve at a time, so that most steps wake nobody.
    if (ahead >= wanted_ + kAhead / 2 || (ahead == region_.bytes && ahead > wanted_)) {
        __atomic_store_n(&wanted_, ahead, __ATOMIC_RELEASE);
        __atomic_fetch_add(&changes_, 1, __ATOMIC_RELEASE);
        syscall(SYS_futex, &changes_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    }
}

void Prefaulter::stop() {
    if (!running_) {
        return;
    }

    __atomic_store_n(&stopping_, true, __ATOMIC_RELEASE);
    __atomic_fetch_add(&changes_, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &changes_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    pthread_join(thread_, nullptr);
    running_ = false;
}

void* Prefaulter::enter(void* prefaulter) {
    static_cast<Prefaulter*>(prefaulter)->loop();
    return nullptr;
}

void Prefaulter::loop() {
    for (size_t done = 0; done < region_.bytes;) {
        const uint32_t changes = __atomic_load_n(&changes_, __ATOMIC_ACQUIRE);
        if (__atomic_load_n(&stopping_, __ATOMIC_ACQUIRE)) {
            return;
        }

        if (done >= __atomic_load_n(&wanted_, __ATOMIC_ACQUIRE)) {
            syscall(SYS_futex, &changes_, FUTEX_WAIT_PRIVATE, changes, nullptr, nullptr, 0);
            continue;
        }

        // Kernels before 5.14 do not know this, and one that has no memory left says so again to whoever writes there.
        if (madvise(region_.data + done, kStride, MADV_POPULATE_WRITE) != 0) {
            return;
        }

        done += kStride;
    }
}

}  // namespace serving
