// Ranks of one process that reduce and gather together. Each rank's part is an operation on its stream; the last to get there does the work of all.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "../driver/context.h"

namespace emulator {

enum class Collective : uint8_t { all_reduce, all_gather };

struct Part {
    Collective kind;
    uint64_t send, receive;
    size_t count;  // elements that each rank sends
    int type;      // ncclDataType_t
    int reduction; // ncclRedOp_t

    bool fits(const Part& other) const { return kind == other.kind && count == other.count && type == other.type && reduction == other.reduction; }
};

// Bytes of an element of the type; 0 for one that is not done here.
size_t element_bytes(int type);

// Communicators that nobody has given back.
size_t communicators_held();

class Clique {
public:
    explicit Clique(int ranks) : ranks_(static_cast<size_t>(ranks)) {}

    int ranks() const { return static_cast<int>(ranks_.size()); }
    bool joined(int rank) const { return ranks_[static_cast<size_t>(rank)].context != nullptr; }
    bool complete() const;
    void join(int rank, DeviceContext& context) { ranks_[static_cast<size_t>(rank)].context = &context; }

    // The stream that the rank's next part is queued on: where the others find it.
    void expect_on(int rank, const std::shared_ptr<Stream>& stream) {
        ranks_[static_cast<size_t>(rank)].stream = stream;
        ranks_[static_cast<size_t>(rank)].host = std::this_thread::get_id();
    }

    // The rank waits for nobody any more: what it has come to ends, with whatever is in its buffers.
    void abort(int rank);

    bool failed() const { return result_ != Result::success; }

    // Called when the rank's stream has come to the part: returns when all have, and it is done. The driver's lock is let go while other host threads have to come.
    // A rank whose device has failed never comes: the others wait until they are aborted, as devices do.
    Result meet(int rank, const Part& part);

private:
    struct Rank {
        DeviceContext* context = nullptr;
        std::shared_ptr<Stream> stream;
        std::thread::id host;     // that queues its parts
        uint64_t met = 0;         // parts that it has come to
        std::deque<Part> waiting; // those of them that are not done
        bool aborted = false;
    };

    bool all_at(uint64_t number) const;
    Result carry_out();

    std::vector<Rank> ranks_;
    uint64_t done_ = 0;
    Result result_ = Result::success;
};

}  // namespace emulator
