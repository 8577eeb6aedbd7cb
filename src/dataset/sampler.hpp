#pragma once
// Which samples a step trains on: it follows from (seed, step) alone, the same on all ranks and for any number of them.
#include <cstdint>
#include <vector>

namespace modr {

/// One sample of a step.
struct SampleRef {
  int64_t number = 0;  ///< how many samples the run saw before it: unique in the run, the key of its random numbers
  int64_t index = 0;   ///< which example of the data set it is

  bool operator==(const SampleRef&) const = default;
};

/// A random order of 0 .. size-1 for an epoch (Fisher-Yates on Philox).
std::vector<int64_t> epoch_permutation(int64_t size, uint64_t seed, int64_t epoch);

/// Samples in the order of epoch 0's permutation, then epoch 1's, and so on without a break: a batch may reach over
/// the end of an epoch, and over whole epochs. The data cursor of a checkpoint is the number of samples seen. A sampler
/// keeps the last epoch's order, which is why its members are not const; what they return does not depend on it.
class EpochSampler {
 public:
  /// Throws Error unless both sizes are positive.
  EpochSampler(int64_t dataset_size, int64_t global_batch, uint64_t seed);

  /// The samples number `cursor` to `cursor + count - 1` of the run.
  std::vector<SampleRef> samples(int64_t cursor, int64_t count);
  /// The global batch of `step`, which counts from 0.
  std::vector<SampleRef> global_batch(int64_t step) { return samples(cursor(step), global_batch_); }
  /// Samples seen before `step`.
  int64_t cursor(int64_t step) const { return step * global_batch_; }

 private:
  int64_t dataset_size_;
  int64_t global_batch_;
  uint64_t seed_;
  int64_t epoch_ = -1;  // whose permutation is kept in order_
  std::vector<int64_t> order_;
};

}  // namespace modr
