#pragma once
#include "ops/combine.hpp"

namespace modr::testing {

/// Units and passes of one row each.
inline ops::PassRows single_rows(const Indices& position, int64_t units) {
  return {position, uniform_offsets(units, 1), uniform_offsets(static_cast<int64_t>(position->size()), 1)};
}

}  // namespace modr::testing
