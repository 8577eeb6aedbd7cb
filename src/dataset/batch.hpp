#pragma once
// Examples side by side in one rectangle, as the model takes them.
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "dataset/example.hpp"
#include "dataset/sampler.hpp"

namespace modr {

/// `batch` rows of `seq` positions, row-major; rows are padded on the right. An empty batch has no row of one position.
struct Batch {
  int64_t batch = 0;
  int64_t seq = 1;
  std::vector<int32_t> ids;        ///< [batch, seq]
  std::vector<int32_t> labels;     ///< [batch, seq], kIgnoreLabel where there is no loss
  std::vector<uint8_t> mask;       ///< [batch, seq], 1 for a real token, 0 for padding
  std::vector<SampleRef> samples;  ///< [batch]
  std::vector<int64_t> documents = {0};  ///< [documents + 1]: boundaries; a row's padding belongs to its last one
  std::vector<uint64_t> keys;            ///< [documents]: of their random numbers, see document_key()

  /// Positions that take part in the loss.
  int64_t num_labels() const;
};

/// How rows are padded.
struct BatchLayout {
  int32_t pad_id = 0;
  int64_t multiple = 1;  ///< seq is the longest row, rounded up to a multiple of this
  int64_t min_seq = 0;   ///< and not less than this,
  int64_t max_seq = std::numeric_limits<int64_t>::max();  ///< but no padding goes beyond this
};

/// The key of the random numbers of document `place` of a sample's row: that of the sample for the first one. No other
/// document of the run has it, and what else is in the row does not matter.
uint64_t document_key(const SampleRef& sample, int64_t place);

/// Puts the named examples into a batch. Throws Error for an index outside `examples`.
Batch make_batch(std::span<const Example> examples, std::span<const SampleRef> samples, const BatchLayout& layout);

}  // namespace modr
