#pragma once
#include <cstdint>

#include "ops/index.hpp"

namespace modr {

/// `batch` rows of `seq` tokens, row-major. A row is one sequence, or several that share it (packed documents): each
/// has its own attention, positions and, by unit sequence, its own route.
struct TokenBatch {
  int64_t batch = 0, seq = 0;
  Indices ids;     // [batch * seq]
  Indices labels;  // [batch * seq], already shifted, -100 where there is no label; null when no loss is wanted
  RowMask mask;    // [batch * seq], 1 = real; null when nothing is padding
  Offsets documents = nullptr;  // boundaries of the sequences, padding in the one before it; null: every row is one

  /// Boundaries of the sequences.
  Offsets sequences() const { return documents ? documents : uniform_offsets(batch, seq); }
};

/// The place of every token in its sequence: 0, 1, … for each.
Indices sequence_positions(const Offsets& sequences);

}  // namespace modr
