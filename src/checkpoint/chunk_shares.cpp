#include "checkpoint/chunk_shares.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>
#include <utility>

#include "base/error.hpp"

namespace modr {

// Graham, "Bounds on multiprocessing timing anomalies", SIAM J. Appl. Math. 17 (1969): longest processing time first.
std::vector<int> deal_chunks(std::span<const std::size_t> chunk_bytes, int holders) {
  MODR_CHECK(holders > 0, "{} holders", holders);
  std::vector<std::size_t> order(chunk_bytes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t chunk) { return chunk_bytes[chunk]; });
  using Share = std::pair<std::size_t, int>;  // bytes, holder
  std::priority_queue<Share, std::vector<Share>, std::greater<>> shares;
  for (int holder = 0; holder < holders; ++holder) shares.emplace(0, holder);
  std::vector<int> writers(chunk_bytes.size());
  for (const std::size_t chunk : order) {
    const auto [bytes, holder] = shares.top();
    shares.pop();
    shares.emplace(bytes + chunk_bytes[chunk], holder);
    writers[chunk] = holder;
  }
  return writers;
}

}  // namespace modr
