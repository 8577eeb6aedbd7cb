// Streams, events, and captured graphs.
#include <utility>

#include "base/error.hpp"
#include "kernels/emulated/device.hpp"

using namespace modr::emulated;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return call([&](Device& d) {
    *stream = new Stream;
    (*stream)->waits_for_default = (flags & cudaStreamNonBlocking) == 0;
    d.streams.insert(*stream);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return call_of_destructor([&](Device& d) {
    if (d.streams.count(stream) == 0) return cudaErrorInvalidValue;
    d.drain(*stream);
    d.streams.erase(stream);
    delete stream;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return call([&](Device& d) {
    if (d.invalidate(stream)) return cudaErrorStreamCaptureUnsupported;
    d.drain(stream == nullptr ? d.default_stream : *stream);
    return cudaSuccess;
  });
}

// Each question lets some time pass.
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return call([&](Device& d) {
    if (d.invalidate(stream)) return cudaErrorStreamCaptureUnsupported;
    Stream& of = stream == nullptr ? d.default_stream : *stream;
    d.step(of);
    return of.queue.empty() ? cudaSuccess : cudaErrorNotReady;
  });
}

cudaError_t cudaDeviceSynchronize() {
  return call([](Device& d) {
    if (d.is_forbidden_by_capture()) return cudaErrorStreamCaptureUnsupported;
    d.drain_all();
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return call([&](Device& d) {
    d.events.insert(*event = new Event);
    return cudaSuccess;
  });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return call([&](Device& d) {
    event->stream = stream;
    event->captured = stream == nullptr ? nullptr : stream->capture;
    if (event->captured == nullptr)
      d.enqueue(stream, [event, number = ++event->recorded] { event->completed = number; });
    return cudaSuccess;
  });
}

// A stream that waits for an event of a capture becomes part of it; it has joined once another waits for its event.
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return call([&](Device& d) {
    if (event->captured != nullptr) {
      if (stream == nullptr) return cudaErrorInvalidValue;
      stream->capture = event->captured;
      stream->unjoined = stream != event->captured->origin;
      if (event->stream != stream) event->stream->unjoined = false;
      return cudaSuccess;
    }
    if (event->recorded > 0)
      d.enqueue(stream, [&d, event, number = event->recorded, from = event->stream] {
        if (!d.try_to_finish(*event, number, from)) d.hold();
      });
    return cudaSuccess;
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return call([&](Device& d) {
    if (event->captured != nullptr) return cudaErrorStreamCaptureUnsupported;
    d.finish(*event, event->recorded, event->stream);
    return cudaSuccess;
  });
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return call([&](Device& d) {
    if (d.is_forbidden_by_capture()) return cudaErrorStreamCaptureUnsupported;
    if (event->completed < event->recorded) d.step(event->stream == nullptr ? d.default_stream : *event->stream);
    return event->completed < event->recorded ? cudaErrorNotReady : cudaSuccess;
  });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return call_of_destructor([&](Device& d) {
    d.finish(*event, event->recorded, event->stream);
    d.events.erase(event);
    delete event;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return call([&](Device&) {
    if (stream == nullptr || stream->capture != nullptr) return cudaErrorStreamCaptureUnsupported;
    stream->capture = new Graph;
    stream->capture->mode = mode;
    stream->capture->by = std::this_thread::get_id();
    stream->capture->origin = stream;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return call([&](Device&) {
    if (stream == nullptr || stream->capture == nullptr)
      *status = cudaStreamCaptureStatusNone;
    else if (stream->capture->invalid)
      *status = cudaStreamCaptureStatusInvalidated;
    else
      *status = cudaStreamCaptureStatusActive;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return call([&](Device& d) {
    *graph = nullptr;
    if (stream == nullptr || stream->capture == nullptr || stream->capture->origin != stream)
      return cudaErrorInvalidValue;
    std::unique_ptr<Graph> captured(stream->capture);
    bool unjoined = false;
    for (Stream* other : d.streams) {
      if (other->capture != captured.get()) continue;
      other->capture = nullptr;
      unjoined = std::exchange(other->unjoined, false) || unjoined;
    }
    for (Event* event : d.events)
      if (event->captured == captured.get()) event->captured = nullptr;
    if (captured->invalid) return cudaErrorStreamCaptureInvalidated;
    if (unjoined) return cudaErrorStreamCaptureUnjoined;
    *graph = captured.release();
    return cudaSuccess;
  });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  return call([&](Device&) {
    *exec = new Graph(*graph);
    return cudaSuccess;
  });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  return call([&](Device& d) {
    d.enqueue(stream, [all = exec->work, memory = exec->memory] {
      for (const Work& work : all) work();
    });
    return cudaSuccess;
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return call_of_destructor([&](Device&) {
    delete graph;
    return cudaSuccess;
  });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) { return cudaGraphDestroy(exec); }
