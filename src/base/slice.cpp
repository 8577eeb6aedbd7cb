#include "base/slice.hpp"

#include "base/error.hpp"

namespace modr {

Slice rank_slice(int64_t count, int64_t rank, int64_t size) {
  MODR_CHECK(count >= 0 && size > 0 && rank >= 0 && rank < size, "slice of {} items for rank {} of {}", count, rank,
             size);
  return {count * rank / size, count * (rank + 1) / size};
}

}  // namespace modr
