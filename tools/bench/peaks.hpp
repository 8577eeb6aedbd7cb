#pragma once
// What this machine can do at best, measured bare in the same run as our own figures: oneDNN's products called
// directly, and memory.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/dtype.hpp"
#include "tensor/tensor.hpp"
#include "tools/bench/model.hpp"
#include "tools/bench/table.hpp"
#include "tools/bench/timing.hpp"

namespace modr::tools {

/// Rates of the square product x W^T of one size, W [out, in]; nothing where oneDNN has none for this processor.
struct ProductPeak {
  DType dtype;
  int64_t size = 0;
  std::optional<double> packed;    ///< operations a second, weights brought into oneDNN's own layout beforehand
  std::optional<double> unpacked;  ///< the same with weights as they are stored
};

/// Of all ranks together, each at work at the same time.
struct Peaks {
  int64_t ranks = 1, threads = 1;  ///< threads a rank
  int64_t repeats = 0;             ///< measurements, of which each figure is the median
  int64_t reference = 1024;        ///< size of the product that steps are held against
  Device device = cpu_device;
  std::vector<ProductPeak> products = {};
  double copy = 0;  ///< bytes a second, read and written, far beyond the caches
  double read = 0;  ///< bytes a second

  /// The packed rate at the reference size. Throws Error where there is none.
  double product(DType dtype) const;
};

/// Collective. Takes 5 to 10 s, and 512 MiB a rank that are given back. Where the model
/// is on a GPU: cuBLASLt's products, and its memory.
Peaks measure_peaks(const Communicator& world, int64_t repeats, const BenchModel& model);
BenchTable peaks_table(const Peaks& peaks);

/// Memory of its own, first touched by the threads that will read it, so that pages lie near them.
class BenchBuffer {
 public:
  explicit BenchBuffer(std::size_t bytes);
  std::byte* data() const { return data_.get(); }
  std::size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(std::byte* data) const;
  };
  std::size_t size_;
  std::unique_ptr<std::byte, Free> data_;
};

/// Copies all of `from` to `to`, of the same size, on all threads.
void copy_memory(const BenchBuffer& from, const BenchBuffer& to);
/// Copies a block of memory of its own, of so many bytes, to another on a device, and waits for it.
class BenchCopy {
 public:
  BenchCopy(std::size_t bytes, Device device);
  void operator()() const;

 private:
  std::unique_ptr<BenchBuffer> from_, to_;  // of the host
  Tensor from_there_, to_there_;            // of a GPU
};

/// Reads all of it on all threads; the sum of its 64-bit words.
uint64_t read_memory(const BenchBuffer& buffer);
/// Bytes a second that all ranks together read of `bytes` each, again and again: the rate of the cache where they fit
/// into one, else of memory. Collective.
double measure_read_rate(const Communicator& world, std::size_t bytes, int64_t repeats);

}  // namespace modr::tools
