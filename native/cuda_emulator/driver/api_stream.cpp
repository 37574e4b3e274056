// cuStream*, cuEvent*.
#include <time.h>

#include <algorithm>

#include "context.h"

using namespace emulator;

namespace {

int64_t now() {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return int64_t{time.tv_sec} * 1000000000 + time.tv_nsec;
}

template <class Body>
Result on_event(Event* handle, Body body) {
    return call([&](DeviceContext& context) {
        const auto event = events.find(handle);
        return event ? body(context, *event) : Result::invalid_handle;
    });
}

// A capture takes in a stream that waits for an event of it.
Result wait_captured(Stream& stream, const Event& event) {
    const auto capture = event.capture.lock();
    if (!capture) return Result::invalid_value;
    if (stream.capture && stream.capture != capture) {
        stream.capture->invalidated = capture->invalidated = true;
        return Result::stream_capture_merge;
    }
    if (!stream.capture) {
        stream.capture = capture;
        stream.capture_tail.clear();
        capture->streams.push_back(stream.weak_from_this());
    }
    for (const size_t node : event.capture_nodes) {
        if (std::find(stream.capture_tail.begin(), stream.capture_tail.end(), node) == stream.capture_tail.end()) stream.capture_tail.push_back(node);
    }
    return Result::success;
}

Result refuse_if_capturing(Stream& stream) {
    if (!stream.capture) return Result::success;
    stream.capture->invalidated = true;
    return Result::stream_capture_unsupported;
}

// Whether the last record of an event can be asked about now.
Result answerable(DeviceContext& context, const Event& event) {
    if (event.captured) return Result::captured_event;
    return context.forbidden_by_capture();
}

}  // namespace

SRV_EXPORT Result cuStreamCreateWithPriority(Stream** handle, unsigned flags, int priority) {
    return take([&](DeviceContext& context) {
        if (!handle || flags > 1) return Result::invalid_value;
        auto stream = std::make_shared<Stream>();
        stream->context = &context;
        stream->waits_for_default = flags == 0;
        stream->priority = priority;
        context.add(stream);
        *handle = streams.add(std::move(stream));
        return Result::success;
    });
}

SRV_EXPORT Result cuStreamCreate(Stream** handle, unsigned flags) { return cuStreamCreateWithPriority(handle, flags, 0); }

SRV_EXPORT Result cuStreamDestroy_v2(Stream* handle) {
    return call([&](DeviceContext&) {
        const auto stream = streams.find(handle);
        if (!stream) return Result::invalid_handle;
        stream->destroyed = true;
        streams.remove(handle);
        return Result::success;
    });
}

SRV_EXPORT Result cuStreamSynchronize(Stream* handle) {
    return call_on(handle, [](DeviceContext& context, const std::shared_ptr<Stream>& stream) {
        if (const Result refused = refuse_if_capturing(*stream); refused != Result::success) return refused;
        complete_all(stream);
        stream->newest = nullptr;
        return context.error;
    });
}

SRV_EXPORT Result cuStreamQuery(Stream* handle) {
    return call_on(handle, [](DeviceContext& context, const std::shared_ptr<Stream>& stream) {
        if (const Result refused = refuse_if_capturing(*stream); refused != Result::success) return refused;
        if (stream->idle()) return Result::success;
        advance(*stream);
        return context.error != Result::success ? context.error : Result::not_ready;
    });
}

SRV_EXPORT Result cuStreamWaitEvent(Stream* handle, Event* event_handle, unsigned) {
    return take_on(handle, [&](DeviceContext&, const std::shared_ptr<Stream>& stream) {
        const auto event = events.find(event_handle);
        if (!event) return Result::invalid_handle;
        if (event->captured) return wait_captured(*stream, *event);
        if (stream->capture) {
            if (!event->record || event->record->done) return Result::success;
            stream->capture->invalidated = true;
            return Result::stream_capture_isolation;
        }
        if (!event->record || event->record->done) return Result::success;
        return submit(stream, [record = event->record] {
            complete(record->at);
            return Result::success;
        });
    });
}

SRV_EXPORT Result cuEventCreate(Event** handle, unsigned flags) {
    return take([&](DeviceContext& context) {
        if (!handle || flags > 7) return Result::invalid_value;
        auto event = std::make_shared<Event>();
        event->context = &context;
        event->timed = (flags & 2) == 0;
        *handle = events.add(std::move(event));
        return Result::success;
    });
}

SRV_EXPORT Result cuEventDestroy_v2(Event* handle) {
    return call([&](DeviceContext&) { return events.remove(handle) ? Result::success : Result::invalid_handle; });
}

SRV_EXPORT Result cuEventRecord(Event* handle, Stream* stream_handle) {
    return take_on(stream_handle, [&](DeviceContext& context, const std::shared_ptr<Stream>& stream) {
        const auto event = events.find(handle);
        if (!event || event->context != &context) return Result::invalid_handle;
        if (stream->capture) {
            event->captured = true;
            event->capture = stream->capture;
            event->capture_nodes = stream->capture_tail;
            return Result::success;
        }
        auto record = std::make_shared<Event::Record>();
        const Result result = submit(stream, [record] {
            record->nanoseconds = now();
            record->done = true;
            return Result::success;
        });
        if (result != Result::success) return result;
        record->at = {stream, stream->issued};
        event->captured = false;
        event->record = std::move(record);
        return Result::success;
    });
}

SRV_EXPORT Result cuEventQuery(Event* handle) {
    return on_event(handle, [](DeviceContext& context, Event& event) {
        if (const Result refused = answerable(context, event); refused != Result::success) return refused;
        if (!event.record || event.record->done) return Result::success;
        const std::shared_ptr<Stream> stream = event.record->at.stream;
        advance(*stream);
        return event.context->error != Result::success ? event.context->error : Result::not_ready;
    });
}

SRV_EXPORT Result cuEventSynchronize(Event* handle) {
    return on_event(handle, [](DeviceContext& context, Event& event) {
        if (const Result refused = answerable(context, event); refused != Result::success) return refused;
        if (event.record) complete(event.record->at);
        return event.context->error;
    });
}

SRV_EXPORT Result cuEventElapsedTime(float* milliseconds, Event* start, Event* end) {
    return on_event(start, [&](DeviceContext&, Event& first) {
        const auto last = events.find(end);
        if (!milliseconds) return Result::invalid_value;
        if (!last || !first.timed || !last->timed || !first.record || !last->record) return Result::invalid_handle;
        if (!first.record->done || !last->record->done) return Result::not_ready;
        *milliseconds = static_cast<float>(static_cast<double>(last->record->nanoseconds - first.record->nanoseconds) * 1e-6);
        return Result::success;
    });
}

SRV_EXPORT Result cuEventElapsedTime_v2(float* milliseconds, Event* start, Event* end) { return cuEventElapsedTime(milliseconds, start, end); }
