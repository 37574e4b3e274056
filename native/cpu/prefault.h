// Memory ahead of its use, taken from the kernel by a thread of its own: a step that is the first to write a huge page would wait while it is cleared, and every sequence with it. Milliseconds,
// where a hypervisor has to find the memory first.
#pragma once
#include <pthread.h>

#include "memory.h"

namespace serving {

class Prefaulter {
public:
    Prefaulter() = default;
    Prefaulter(const Prefaulter&) = delete;
    Prefaulter& operator=(const Prefaulter&) = delete;
    ~Prefaulter() { stop(); }

    // Begins with the start of the region. Where the thread cannot be started the region's memory comes when it is written, as it would without this.
    void start(const Region& region);

    // What lies below is in use: the memory behind it should be there soon. Called by one thread; does not wait.
    void reach(size_t bytes);

    // Ends the thread; the region may go after that.
    void stop();

private:
    static void* enter(void* prefaulter);
    void loop();

    Region region_;
    alignas(64) size_t wanted_ = 0;
    uint32_t changes_ = 0;  // counts what the thread waits for: a larger wanted_, or the end
    bool stopping_ = false;
    bool running_ = false;
    pthread_t thread_{};
};

}  // namespace serving
