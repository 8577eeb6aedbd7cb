#include "model/token_batch.hpp"

namespace modr {

Indices sequence_positions(const Offsets& sequences) {
  std::vector<int32_t> positions;
  positions.reserve(static_cast<std::size_t>(sequences->back()));
  for (std::size_t i = 0; i + 1 < sequences->size(); ++i)
    for (int64_t at = (*sequences)[i]; at < (*sequences)[i + 1]; ++at)
      positions.push_back(static_cast<int32_t>(at - (*sequences)[i]));
  return make_indices(std::move(positions));
}

}  // namespace modr
