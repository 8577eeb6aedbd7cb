#pragma once
// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
// A draw is a pure function of (seed, stream, counters), so no result depends on the number of ranks or on order.
#include <array>
#include <cstdint>

namespace modr {

/// What a random number is for; different streams never share a draw.
enum class RandomStream : uint32_t { init = 1, depth, initial_state, shuffle, data, sampling };

/// Philox4x32-10: 128 random bits for a 128-bit counter under a 64-bit key.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// Draws that depend only on (seed, stream, a, b) and on how many were taken before from this object.
class PhiloxSequence {
 public:
  PhiloxSequence(uint64_t seed, RandomStream stream, uint64_t a = 0, uint32_t b = 0);
  uint32_t next_u32();
  /// Uniform in (0, 1), 53 bits.
  double uniform();
  /// Uniform in [0, bound), without bias. `bound` must be positive.
  uint64_t below(uint64_t bound);
  /// Standard normal (Box-Muller).
  double normal();
  /// Standard normal conditioned on |x| <= bound (rejection).
  double truncated_normal(double bound);
  /// Poisson with the given mean (inversion below 30, PTRS of Hoermann 1993 above).
  int64_t poisson(double mean);

 private:
  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace modr
