// Streams and what is queued on them. Nothing runs when it is queued: an operation runs when a call that has to wait for it comes (a synchronisation, a query,
// which takes one step, a full queue), and then only what that call is owed. Whoever forgets a synchronisation sees memory as it was. With a seed, streams run at
// drawn times as soon as they may: whoever forgets to let one wait for another sees memory as it was, too.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "../block/launch.h"
#include "result.h"

namespace emulator {

class DeviceContext;
struct Stream;

using Operations = std::function<Result()>;

// The operation with this number, and those before it on the same stream.
struct Dependency {
    std::shared_ptr<Stream> stream;
    uint64_t number;
};

struct Work {
    Operations run;
    std::vector<Dependency> after;
};

struct GraphNode {
    Operations run;
    std::vector<size_t> after;
};

// A graph while it is captured; several streams may take part.
struct Capture {
    std::vector<GraphNode> nodes;
    std::weak_ptr<Stream> origin;
    std::vector<std::weak_ptr<Stream>> streams;
    int mode = 0;  // 0 global, 1 of the thread, 2 relaxed
    std::thread::id thread;
    bool invalidated = false;
};

struct Stream : std::enable_shared_from_this<Stream> {
    static constexpr size_t bound = 8192;

    DeviceContext* context = nullptr;
    bool waits_for_default = true;  // and the default stream for it
    int priority = 0;
    uint64_t issued = 0;
    uint64_t completed = 0;
    std::deque<Work> queue;

    bool idle() const { return completed == issued; }

    bool destroyed = false;
    bool running = false;  // an operation, which may have let go of the driver's lock to wait for another device
    std::thread::id runner;
    std::shared_ptr<Capture> capture;
    std::vector<size_t> capture_tail;  // nodes that the next captured operation follows

    // The newest kernel, and product, that was queued or captured here: one that need not wait for it may run beside it.
    std::shared_ptr<const Launch> newest;
};

struct Event {
    DeviceContext* context = nullptr;
    bool timed = true;

    // The last record: on a stream, or in a capture.
    struct Record {
        Dependency at;
        int64_t nanoseconds = 0;
        bool done = false;
    };
    std::shared_ptr<Record> record;
    std::weak_ptr<Capture> capture;
    std::vector<size_t> capture_nodes;
    bool captured = false;
};

struct Graph {
    DeviceContext* context = nullptr;
    std::vector<GraphNode> nodes;
};

struct GraphExec {
    DeviceContext* context;
    std::shared_ptr<const std::vector<GraphNode>> nodes;
};

// Queues the operation, or adds it to the graph that the stream captures.
Result submit(const std::shared_ptr<Stream>& stream, Operations operation);

// Runs what has to be run before the operation is complete, and it; or waits, where another host thread runs the stream, until that one has come so far. It may go on
// to what its own call is owed, and wait there for a rank that this caller has yet to queue for.
void complete(Dependency dependency);

// What is on the stream now; not what others queue on it meanwhile.
void complete_all(const std::shared_ptr<Stream>& stream);

// Runs the oldest operation of the stream; false when there is none, or when an operation of it runs already. It does not wait.
bool advance(Stream& stream);

}  // namespace emulator
