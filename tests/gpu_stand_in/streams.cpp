// Streams and events: work is queued and runs when somebody waits, streams that no event orders in an order drawn at random.
#include "device.h"
#include <algorithm>
#include <cstdio>
#include <memory>

using namespace stand_in;

struct CUevent_st {
    unsigned long recorded = 0, completed = 0;
    CUstream stream = nullptr;
    bool destroyed = false;
};

struct CUstream_st {
    struct Entry {
        std::string what;
        Work work;
        // Nothing more runs before this event was recorded so often.
        CUevent event = nullptr;
        unsigned long until = 0;
    };
    CUcontext context;
    bool blocking;
    bool destroyed = false;
    std::deque<Entry> entries;
};

namespace {
const size_t MOST = 1000;  // entries that wait at once
std::vector<CUstream> streams;

bool is_default(CUstream stream) { return !stream || stream == CU_STREAM_LEGACY; }

// The default stream's work runs at once, after that of streams which are not said to be independent of it.
CUstream checked(CUstream stream) {
    if (stream == CU_STREAM_PER_THREAD) fault("streams of threads are not there");
    if (std::find(streams.begin(), streams.end(), stream) == streams.end()) fault("%p is no stream", (void *)stream);
    if (stream->destroyed) fault("a stream that was destroyed is used");
    return stream;
}

bool can_run(CUstream stream) {
    if (stream->entries.empty()) return false;
    auto &entry = stream->entries.front();
    return !entry.event || entry.event->completed >= entry.until;
}

void run_one(CUstream stream) {
    CUstream_st::Entry entry = std::move(stream->entries.front());
    stream->entries.pop_front();
    if (!entry.work) return;
    running = entry.what.c_str();
    entry.work();
    running = nullptr;
}

void give_back(CUcontext context) {
    if (context->pool.reserved > context->pool.threshold) context->pool.trim(context->pool.threshold);
}
} // namespace

CUcontext stand_in::context_of(CUstream stream) { return is_default(stream) ? current_context() : checked(stream)->context; }

void stand_in::run_until(CUstream wanted, const std::function<bool()> &done) {
    while (!done()) {
        std::vector<CUstream> able;
        for (CUstream stream : streams) {
            if (can_run(stream)) able.push_back(stream);
        }
        if (able.empty()) fault("streams wait for each other");
        CUstream stream = wanted && can_run(wanted) && draw() % 2 ? wanted : able[draw() % able.size()];
        for (unsigned long left = 1 + draw() % 8; left > 0 && !done() && can_run(stream); left--) run_one(stream);
    }
}

void stand_in::finish(CUstream stream) {
    if (is_default(stream)) {
        for (CUstream other : std::vector<CUstream>(streams)) {
            if (other->blocking && other->context == current_context()) finish(other);
        }
        return;
    }
    run_until(stream, [=] { return stream->entries.empty(); });
}

void stand_in::finish_all(CUcontext context) {
    for (CUstream stream : std::vector<CUstream>(streams)) {
        if (stream->context == context) finish(stream);
    }
}

void stand_in::enqueue(CUstream stream, const std::string &what, Work work) {
    if (is_default(stream)) {
        finish(stream);
        running = what.c_str();
        work();
        running = nullptr;
        return;
    }
    checked(stream)->entries.push_back({what, std::move(work)});
    // A device would have begun long ago.
    if (stream->entries.size() > MOST) {
        size_t left = draw() % MOST;
        run_until(stream, [=] { return stream->entries.size() <= left; });
    }
}

EXPORT CUresult cuStreamCreate(CUstream *stream, unsigned flags) {
    Turn turn;
    if (!current_context()) return CUDA_ERROR_INVALID_CONTEXT;
    *stream = new CUstream_st{current_context(), !(flags & CU_STREAM_NON_BLOCKING)};
    streams.push_back(*stream);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned flags, int) { return cuStreamCreate(stream, flags); }

EXPORT CUresult cuStreamDestroy_v2(CUstream stream) {
    Turn turn;
    // What it was given still runs.
    checked(stream)->destroyed = true;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuStreamSynchronize(CUstream stream) {
    Turn turn;
    if (!current_context()) return CUDA_ERROR_INVALID_CONTEXT;
    count("", "waits");
    if (!is_default(stream)) checked(stream);
    finish(stream);
    give_back(context_of(stream));
    return CUDA_SUCCESS;
}

EXPORT CUresult cuStreamQuery(CUstream stream) {
    Turn turn;
    if (is_default(stream) || checked(stream)->entries.empty()) return CUDA_SUCCESS;
    if (can_run(stream)) run_one(stream);
    return stream->entries.empty() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

EXPORT CUresult cuStreamIsCapturing(CUstream, int *status) {
    *status = 0;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
    Turn turn;
    if (event->destroyed) fault("an event that was destroyed is waited for");
    unsigned long until = event->recorded;
    if (is_default(stream)) {
        run_until(nullptr, [=] { return event->completed >= until; });
    } else {
        checked(stream)->entries.push_back({"an event", nullptr, event, until});
    }
    return CUDA_SUCCESS;
}

EXPORT CUresult cuCtxSynchronize() {
    Turn turn;
    if (!current_context()) return CUDA_ERROR_INVALID_CONTEXT;
    count("", "waits");
    finish_all(current_context());
    give_back(current_context());
    return CUDA_SUCCESS;
}

EXPORT CUresult cuEventCreate(CUevent *event, unsigned) {
    Turn turn;
    if (!current_context()) return CUDA_ERROR_INVALID_CONTEXT;
    *event = new CUevent_st();
    return CUDA_SUCCESS;
}

// Streams may still refer to it: it is kept.
EXPORT CUresult cuEventDestroy_v2(CUevent event) {
    Turn turn;
    if (event->destroyed) fault("an event is destroyed twice");
    event->destroyed = true;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuEventRecord(CUevent event, CUstream stream) {
    Turn turn;
    if (event->destroyed) fault("an event that was destroyed is recorded");
    unsigned long number = ++event->recorded;
    event->stream = is_default(stream) ? nullptr : checked(stream);
    enqueue(stream, "an event's record", [=] { event->completed = std::max(event->completed, number); });
    return CUDA_SUCCESS;
}

EXPORT CUresult cuEventSynchronize(CUevent event) {
    Turn turn;
    if (event->destroyed) fault("an event that was destroyed is waited for");
    unsigned long until = event->recorded;
    run_until(event->stream, [=] { return event->completed >= until; });
    return CUDA_SUCCESS;
}

EXPORT CUresult cuEventQuery(CUevent event) {
    Turn turn;
    if (event->completed < event->recorded && event->stream && can_run(event->stream)) run_one(event->stream);
    return event->completed >= event->recorded ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

EXPORT CUresult cuEventElapsedTime_v2(float *milliseconds, CUevent first, CUevent last) {
    Turn turn;
    if (first->completed < first->recorded || last->completed < last->recorded) return CUDA_ERROR_NOT_READY;
    *milliseconds = 1.0f;
    return CUDA_SUCCESS;
}
