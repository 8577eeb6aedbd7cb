#include "dataset/sampler.hpp"

#include <numeric>
#include <utility>

#include "base/error.hpp"
#include "base/philox.hpp"

namespace modr {

std::vector<int64_t> epoch_permutation(int64_t size, uint64_t seed, int64_t epoch) {
  std::vector<int64_t> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  PhiloxSequence rng(seed, RandomStream::shuffle, static_cast<uint64_t>(epoch));
  for (std::size_t left = order.size(); left > 1; --left) std::swap(order[left - 1], order[rng.below(left)]);
  return order;
}

EpochSampler::EpochSampler(int64_t dataset_size, int64_t global_batch, uint64_t seed)
    : dataset_size_(dataset_size), global_batch_(global_batch), seed_(seed) {
  if (dataset_size < 1) fail("sampler: expected a data set of at least one example, found {}", dataset_size);
  if (global_batch < 1) fail("sampler: expected a global batch of at least one sample, found {}", global_batch);
}

std::vector<SampleRef> EpochSampler::samples(int64_t cursor, int64_t count) {
  MODR_CHECK(cursor >= 0 && count >= 0, "samples from {}, {} of them", cursor, count);
  std::vector<SampleRef> refs;
  refs.reserve(static_cast<std::size_t>(count));
  for (int64_t number = cursor; number < cursor + count; ++number) {
    if (const int64_t epoch = number / dataset_size_; epoch != epoch_) {
      order_ = epoch_permutation(dataset_size_, seed_, epoch);
      epoch_ = epoch;
    }
    refs.push_back({number, order_[static_cast<std::size_t>(number % dataset_size_)]});
  }
  return refs;
}

}  // namespace modr
