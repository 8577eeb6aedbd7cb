#pragma once
// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
// A draw is a pure function of (seed, stream, counters), so no result depends on the number of ranks or on order.
#include <array>
#include <cstdint>

#include "base/hash.hpp"

namespace modr {

/// What a random number is for; different streams never share a draw.
enum class RandomStream : uint32_t { init = 1, depth, initial_state, shuffle, data, sampling };

/// One of Philox's rounds over the words of a counter, and the key of the next. (Here, and on plain numbers, so that a
/// loop over many counters vectorises.)
inline constexpr int philox_rounds = 10;
constexpr void philox_round(uint32_t& c0, uint32_t& c1, uint32_t& c2, uint32_t& c3, uint32_t key0, uint32_t key1) {
  const uint64_t first = uint64_t{0xD2511F53u} * c0, second = uint64_t{0xCD9E8D57u} * c2;
  c0 = static_cast<uint32_t>(second >> 32) ^ c1 ^ key0;
  c1 = static_cast<uint32_t>(second);
  c2 = static_cast<uint32_t>(first >> 32) ^ c3 ^ key1;
  c3 = static_cast<uint32_t>(first);
}
constexpr std::array<uint32_t, 2> next_philox_key(std::array<uint32_t, 2> key) {
  return {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
}

/// Philox4x32-10: 128 random bits for a 128-bit counter under a 64-bit key.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// Uniform in (0, 1), 53 bits, from two words of random bits.
constexpr double uniform_of(uint32_t high, uint32_t low) {
  const uint64_t bits = (uint64_t{high} << 32 | low) >> 11;
  return (static_cast<double>(bits) + 0.5) * 0x1p-53;
}

/// Standard normal from two uniforms (Box-Muller).
double normal_of(double u, double v);

/// The random bits of (seed, stream, a, b), any block of which can be had without those before it. (What is constexpr
/// here is for kernels on a GPU too.)
class PhiloxStream {
 public:
  constexpr PhiloxStream(uint64_t seed, RandomStream stream, uint64_t a = 0, uint32_t b = 0)
      : place_{static_cast<uint32_t>(a), static_cast<uint32_t>(a >> 32), b} {
    // Spread over the key, so that neighbouring seeds give unrelated ones.
    const uint64_t key = mix(seed + 0x9e3779b97f4a7c15ULL * (static_cast<uint64_t>(stream) + 1));
    key_ = {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)};
  }
  std::array<uint32_t, 4> block(uint32_t index) const { return philox(counter(index), key_); }
  /// What block(index) is the Philox of.
  constexpr std::array<uint32_t, 4> counter(uint32_t index) const { return {index, place_[0], place_[1], place_[2]}; }
  constexpr std::array<uint32_t, 2> key() const { return key_; }

 private:
  std::array<uint32_t, 2> key_{};
  std::array<uint32_t, 3> place_;
};

/// Draws that depend only on the stream and on how many were taken before from this object.
class PhiloxSequence {
 public:
  explicit PhiloxSequence(const PhiloxStream& stream) : stream_(stream) {}
  PhiloxSequence(uint64_t seed, RandomStream stream, uint64_t a = 0, uint32_t b = 0) : stream_(seed, stream, a, b) {}
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
  PhiloxStream stream_;
  uint32_t next_block_ = 0;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace modr
