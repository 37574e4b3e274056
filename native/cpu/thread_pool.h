// Persistent workers that run one function together; the calling thread is worker 0.
#pragma once
#include <pthread.h>

#include <cstdint>

namespace serving {

class ThreadPool {
public:
    using Job = void (*)(void* context, int worker);

    ThreadPool() = default;
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;
    ~ThreadPool();

    // Starts count - 1 threads; false when one cannot be started.
    bool start(int count, bool pinned);

    int count() const { return count_; }

    // Runs job(context, worker) on every worker and returns when all calls have: no worker touches the context after that.
    void run(Job job, void* context);

    // All workers of the running job meet here; what one wrote before it, every other reads after it.
    void barrier();

private:
    struct Start {
        ThreadPool* pool;
        int worker;
    };

    static void* enter(void* argument);
    void loop(int worker);

    alignas(64) uint32_t arrived_ = 0;
    alignas(64) uint32_t phase_ = 0;     // counts barriers: its changing is the sense that waiting workers watch
    uint32_t phase_sleepers_ = 0;
    alignas(64) uint32_t epoch_ = 0;     // counts jobs
    uint32_t epoch_sleepers_ = 0;
    alignas(64) Job job_ = nullptr;
    void* context_ = nullptr;
    bool stopping_ = false;
    bool pinned_ = false;
    int count_ = 1;
    int started_ = 0;
    pthread_t* threads_ = nullptr;
    Start* starts_ = nullptr;
};

}  // namespace serving
