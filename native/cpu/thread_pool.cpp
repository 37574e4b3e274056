#include "thread_pool.h"

#include <immintrin.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "topology.h"

namespace serving {
namespace {

// On an oversubscribed machine a spinning worker keeps the one it waits for off the processor: after this many pauses it sleeps.
constexpr int kSpins = 2000;

// Denormal inputs count as zero and denormal results become zero, as in AMX tiles, on every instruction set.
constexpr unsigned kFlushDenormals = 0x8040;

void wait_change(uint32_t* word, uint32_t old, uint32_t* sleepers) {
    for (int spin = 0; spin < kSpins; spin++) {
        if (__atomic_load_n(word, __ATOMIC_ACQUIRE) != old) {
            return;
        }

        _mm_pause();
    }

    __atomic_fetch_add(sleepers, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(word, __ATOMIC_SEQ_CST) == old) {
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, old, nullptr, nullptr, 0);
    }

    __atomic_fetch_sub(sleepers, 1, __ATOMIC_SEQ_CST);
}

void announce(uint32_t* word, uint32_t value, uint32_t* sleepers) {
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(sleepers, __ATOMIC_SEQ_CST) != 0) {
        syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 0x7fffffff, nullptr, nullptr, 0);
    }
}

}  // namespace

bool ThreadPool::start(int count, bool pinned) {
    count_ = count;
    pinned_ = pinned;
    if (count == 1) {
        return true;
    }

    threads_ = static_cast<pthread_t*>(calloc(static_cast<size_t>(count), sizeof *threads_));
    starts_ = static_cast<Start*>(calloc(static_cast<size_t>(count), sizeof *starts_));
    if (threads_ == nullptr || starts_ == nullptr) {
        return false;
    }

    // Signals belong to the host process's own threads.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int worker = 1; worker < count; worker++) {
        starts_[worker] = Start{this, worker};
        if (pthread_create(&threads_[worker], nullptr, &ThreadPool::enter, &starts_[worker]) != 0) {
            break;
        }

        started_++;
    }

    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started_ == count - 1;
}

ThreadPool::~ThreadPool() {
    __atomic_store_n(&stopping_, true, __ATOMIC_SEQ_CST);
    announce(&epoch_, epoch_ + 1, &epoch_sleepers_);
    for (int worker = 1; worker <= started_; worker++) {
        pthread_join(threads_[worker], nullptr);
    }

    free(threads_);
    free(starts_);
}

void* ThreadPool::enter(void* argument) {
    const auto* start = static_cast<Start*>(argument);
    start->pool->loop(start->worker);
    return nullptr;
}

void ThreadPool::loop(int worker) {
    if (pinned_) {
        pin_to_processor(worker);
    }

    _mm_setcsr(_mm_getcsr() | kFlushDenormals);
    for (uint32_t seen = 0;;) {
        wait_change(&epoch_, seen, &epoch_sleepers_);
        seen++;
        if (__atomic_load_n(&stopping_, __ATOMIC_SEQ_CST)) {
            return;
        }

        job_(context_, worker);
        barrier();
    }
}

void ThreadPool::run(Job job, void* context) {
    const unsigned control = _mm_getcsr();
    _mm_setcsr(control | kFlushDenormals);
    job_ = job;
    context_ = context;
    if (count_ > 1) {
        announce(&epoch_, epoch_ + 1, &epoch_sleepers_);
    }

    job(context, 0);
    barrier();
    _mm_setcsr(control);
}

void ThreadPool::barrier() {
    if (count_ == 1) {
        return;
    }

    const uint32_t phase = __atomic_load_n(&phase_, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&arrived_, 1, __ATOMIC_ACQ_REL) == static_cast<uint32_t>(count_)) {
        __atomic_store_n(&arrived_, 0, __ATOMIC_RELAXED);
        announce(&phase_, phase + 1, &phase_sleepers_);
        return;
    }

    wait_change(&phase_, phase, &phase_sleepers_);
}

}  // namespace serving
