// A device's primary context: its streams, its error, which stays once an operation has failed, and what every call of the API begins with.
#pragma once
#include <algorithm>
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

// What is held of a device: of what, and how many.
using Holdings = std::vector<std::pair<std::string, size_t>>;

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

    // For tests: the operation that many operations from now fails with the code; the call that takes something, that many such calls from now, is refused with it.
    uint64_t operations_until_failure = 0;
    Result planted = Result::success;
    uint64_t calls_until_refusal = 0;
    Result refusal = Result::success;

    // Live streams, and destroyed ones that have work left.
    std::vector<std::shared_ptr<Stream>> all_streams();
    void add(const std::shared_ptr<Stream>& stream) { streams_.push_back(stream); }

    void execute(const Operations& operation);

    // Runs a kernel, or what takes as long, without the driver's lock, so that other devices go on meanwhile; one at a time. False when it says so.
    template <class Body>
    bool work(Body body);

    // What is on all its streams now.
    void complete_everything();

    // With a seed, a draw: whether a stream runs what was just queued on it.
    bool runs_early();

    // The code for a call that may not be made while a capture is going on that forbids it to this thread; that capture is then invalid.
    Result forbidden_by_capture();

    // What the planted refusal has to say of a call that takes something of the device: success of all but one.
    Result refused();

    // What nobody has given back yet.
    Holdings holdings() const;

    // Back to how a device starts: memory, streams, error.
    void reset();

private:
    void fail(Result result);
    void await_rest();

    bool works_ = false;
    std::vector<std::shared_ptr<Stream>> streams_;
    uint64_t draws_ = 0;
};

// One lock for the whole driver: calls are short. What takes long on a device runs without it (DeviceContext::work).
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

template <class Body>
bool DeviceContext::work(Body body) {
    await_rest();
    works_ = true;
    driver_lock.unlock();
    const bool done = body();
    driver_lock.lock();
    works_ = false;
    changed.notify_all();
    return done;
}

extern bool initialized;
extern thread_local DeviceContext* current_context;

DeviceContext* context_of(int device);

// The next handle, as a number.
extern uintptr_t next_handle;

// Handles that are given out are numbers that no other one ever has, of whatever kind: who gives one back late, behind a reset, gives back nobody else's.
template <class T>
class Handles {
public:
    T* add(std::shared_ptr<T> object) {
        T* const handle = reinterpret_cast<T*>(next_handle += handle_step);
        live_[handle] = std::move(object);
        return handle;
    }

    size_t size() const { return live_.size(); }

    std::shared_ptr<T> find(T* handle) const {
        const auto it = live_.find(handle);
        return it == live_.end() ? nullptr : it->second;
    }

    bool remove(T* handle) { return live_.erase(handle) > 0; }

    template <class Predicate>
    void remove_if(Predicate predicate) {
        std::erase_if(live_, [&](const auto& entry) { return predicate(*entry.second); });
    }

    template <class Predicate>
    size_t count(Predicate predicate) const {
        return static_cast<size_t>(std::count_if(live_.begin(), live_.end(), [&](const auto& entry) { return predicate(*entry.second); }));
    }

private:
    static constexpr uintptr_t handle_step = 16;

    std::unordered_map<T*, std::shared_ptr<T>> live_;
};

extern Handles<Stream> streams;
extern Handles<Event> events;
extern Handles<Graph> graphs;
extern Handles<GraphExec> executables;

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

// The same for calls that take something of the device, memory or a place in a queue: those that tests have refused.
template <class Body>
Result take(Body body) {
    return call([&](DeviceContext& context) {
        const Result refused = context.refused();
        return refused != Result::success ? refused : body(context);
    });
}

template <class Body>
Result take_on(Stream* handle, Body body) {
    return call_on(handle, [&](DeviceContext& context, const std::shared_ptr<Stream>& stream) {
        const Result refused = context.refused();
        return refused != Result::success ? refused : body(context, stream);
    });
}

#define SRV_EXPORT extern "C" __attribute__((visibility("default")))

}  // namespace emulator
