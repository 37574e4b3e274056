// A device's primary context: its streams, its error, which stays once an operation has failed, and what every call of the API begins with.
#pragma once
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "stream.h"

namespace emulator {

class DeviceContext {
public:
    explicit DeviceContext(int number);

    const int device;
    int retained = 0;
    Result error = Result::success;
    std::string cause;  // the finding behind the error, where there is one
    std::shared_ptr<Stream> default_stream;

    // Communicators that it takes part in. With any its streams run late: an early one would wait for a rank whose host thread has yet to queue its part.
    int communicators = 0;

    // For tests: the operation that many operations from now fails with the code.
    uint64_t operations_until_failure = 0;
    Result planted = Result::success;

    // Live streams, and destroyed ones that have work left.
    std::vector<std::shared_ptr<Stream>> all_streams();
    void add(const std::shared_ptr<Stream>& stream) { streams_.push_back(stream); }

    void execute(const Operations& operation);

    // What is on all its streams now.
    void complete_everything();

    // With a seed, a draw: whether a stream runs what was just queued on it.
    bool runs_early();

    // The code for a call that may not be made while a capture is going on that forbids it to this thread; that capture is then invalid.
    Result forbidden_by_capture();

    // Back to how a device starts: memory, streams, error.
    void reset();

private:
    void fail(Result result);

    std::vector<std::shared_ptr<Stream>> streams_;
    uint64_t draws_ = 0;
};

// One lock for the whole driver: calls are short, and what runs kernels has nothing to gain from another call beside it.
extern std::recursive_mutex driver_lock;

// Told when work is queued or done: a collective of several devices waits for the others' host threads, without the lock.
extern std::condition_variable_any changed;

// Operations queued and operations done, on all devices.
extern uint64_t progress;
void note_progress();

// Of one who waits for a rank. A device would wait for ever; here it ends when nobody has queued or done anything for a while. A host thread that is only slow to come,
// because others have the processors, is no mistake.
class Patience {
public:
    // Waits for a change. False when there is none any more.
    bool wait();

private:
    uint64_t seen_ = ~uint64_t{0};
    std::chrono::steady_clock::time_point end_;
};

extern bool initialized;
extern thread_local DeviceContext* current_context;

DeviceContext* context_of(int device);

// Handles that are given out are addresses of objects; a table says which are live.
template <class T>
class Handles {
public:
    T* add(std::shared_ptr<T> object) {
        T* const handle = object.get();
        live_[handle] = std::move(object);
        return handle;
    }

    std::shared_ptr<T> find(T* handle) const {
        const auto it = live_.find(handle);
        return it == live_.end() ? nullptr : it->second;
    }

    bool remove(T* handle) { return live_.erase(handle) > 0; }

    template <class Predicate>
    void remove_if(Predicate predicate) {
        std::erase_if(live_, [&](const auto& entry) { return predicate(*entry.second); });
    }

private:
    std::unordered_map<T*, std::shared_ptr<T>> live_;
};

extern Handles<Stream> streams;
extern Handles<Event> events;

// Null for a handle that is not live.
std::shared_ptr<Stream> stream_of(DeviceContext& context, Stream* handle);

// A call that needs a current context in which nothing has failed.
template <class Body>
Result call(Body body) {
    const std::lock_guard hold(driver_lock);
    if (!initialized) return Result::not_initialized;
    if (current_context == nullptr || current_context->retained == 0) return Result::invalid_context;
    if (current_context->error != Result::success) return current_context->error;
    return body(*current_context);
}

// The same for one that takes a stream.
template <class Body>
Result call_on(Stream* handle, Body body) {
    return call([&](DeviceContext& context) {
        const auto stream = stream_of(context, handle);
        return stream ? body(context, stream) : Result::invalid_handle;
    });
}

#define SRV_EXPORT extern "C" __attribute__((visibility("default")))

}  // namespace emulator
