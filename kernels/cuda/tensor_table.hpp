#pragma once
// One launch over many tensors of any sizes: a table of them is an argument of the kernel, and each block takes a part
// of one tensor.
#include "kernels/cuda/launch.hpp"

namespace modr::kernels {

/// As many tensors as fit beside a kernel's other arguments, of which it takes most_argument_bytes in all.
template <typename Tensor>
struct TensorTable {
  static constexpr std::size_t most = (most_argument_bytes - 128) / (sizeof(Tensor) + sizeof(unsigned));

  bool is_full() const { return count == most; }
  void add(const Tensor& tensor, int64_t blocks) {
    tensors[count] = tensor;
    ends[count] = this->blocks() + static_cast<unsigned>(blocks);
    ++count;
  }
  unsigned blocks() const { return count == 0 ? 0 : ends[count - 1]; }

  Tensor tensors[most] = {};
  unsigned ends[most] = {};  // of each tensor's blocks
  unsigned count = 0;
};

/// The tensor that the calling thread's block has a part of, and which part, counted from 0.
template <typename Tensor>
struct PartOfTensor {
  __device__ explicit PartOfTensor(const TensorTable<Tensor>& table) {
    unsigned low = 0, high = table.count - 1;
    while (low < high) {
      const unsigned middle = (low + high) / 2;
      if (blockIdx.x < table.ends[middle]) high = middle;
      else low = middle + 1;
    }
    tensor = &table.tensors[low];
    part = blockIdx.x - (low == 0 ? 0 : table.ends[low - 1]);
  }
  const Tensor* tensor;
  int64_t part;
};

}  // namespace modr::kernels
