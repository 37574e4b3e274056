#include "stream.h"

#include "context.h"

namespace emulator {

Result submit(const std::shared_ptr<Stream>& stream, Operations operation) {
    if (stream->capture) {
        Capture& capture = *stream->capture;
        if (capture.invalidated) return Result::stream_capture_invalidated;
        capture.nodes.push_back({std::move(operation), stream->capture_tail});
        stream->capture_tail = {capture.nodes.size() - 1};
        return Result::success;
    }
    Work work{std::move(operation), {}};
    DeviceContext& context = *stream->context;
    if (stream == context.default_stream) {
        for (const auto& other : context.all_streams()) {
            if (!other->waits_for_default || other == stream) continue;
            if (other->capture) {
                other->capture->invalidated = true;
                return Result::stream_capture_implicit;
            }
            if (other->completed < other->issued) work.after.push_back({other, other->issued});
        }
    } else if (stream->waits_for_default && context.default_stream->completed < context.default_stream->issued) {
        work.after.push_back({context.default_stream, context.default_stream->issued});
    }
    while (stream->queue.size() >= Stream::bound) advance(*stream);
    stream->issued++;
    stream->queue.push_back(std::move(work));
    changed.notify_all();
    if (context.runs_early()) complete_all(*stream);
    return Result::success;
}

bool advance(Stream& stream) {
    while (stream.running && stream.runner != std::this_thread::get_id()) changed.wait(driver_lock);
    if (stream.queue.empty() || stream.running) return false;
    stream.running = true;
    stream.runner = std::this_thread::get_id();
    Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    for (const Dependency& dependency : work.after) complete(dependency);
    stream.context->execute(work.run);
    stream.completed++;
    stream.running = false;
    changed.notify_all();
    return true;
}

void complete(const Dependency& dependency) {
    while (dependency.stream->completed < dependency.number && advance(*dependency.stream)) {
    }
}

void complete_all(Stream& stream) {
    while (advance(stream)) {
    }
}

}  // namespace emulator
