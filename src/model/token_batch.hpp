#pragma once
#include <cstdint>

#include "ops/index.hpp"

namespace modr {

/// `batch` sequences of `seq` tokens, row-major.
struct TokenBatch {
  int64_t batch = 0, seq = 0;
  Indices ids;     // [batch * seq]
  Indices labels;  // [batch * seq], already shifted, -100 where there is no label; null when no loss is wanted
  RowMask mask;    // [batch * seq], 1 = real; null when nothing is padding
};

/// 0, 1, …, seq - 1 for every sequence.
Indices sequence_positions(int64_t batch, int64_t seq);

}  // namespace modr
