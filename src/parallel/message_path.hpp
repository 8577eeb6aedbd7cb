#pragma once
#include "comm/communicator.hpp"
#include "tensor/tensor_bytes.hpp"

namespace modr {

/// How the ranks of a group reach each other's tensors: on `device`, by `comm`.
struct MessagePath {
  Communicator comm;
  Device device;
};

/// From GPU to GPU where the group can, in the order of their streams; else by way of the host's memory. Collective the
/// first time that a group is asked for a GPU.
inline MessagePath message_path(const Communicator& comm, Device device) {
  const Stream stream{queue_of(device)};
  if (stream.is_host() || !comm.reaches(stream)) return {comm, message_device(device)};
  return {comm.on(stream), device};
}

}  // namespace modr
