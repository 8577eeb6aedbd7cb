#include "kernels/api/random.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numbers>
#include <thread>
#include <vector>

#include "base/integer.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/store.hpp"

// Tells the compiler that glibc's vector library has these (libmvec, at most 4 ulp). Not for other files, whose loops
// would get other bits; normal_of() is compiled without.
extern "C" {
#pragma omp declare simd notinbranch
double log(double) noexcept;
#pragma omp declare simd notinbranch
double cos(double) noexcept;
}

namespace modr::kernels {

namespace {

constexpr int64_t lanes = 16;            // blocks made together
constexpr int64_t piece_size = 1 << 13;  // attempts that one thread makes one after another

// The two uniforms of each of the blocks first .. first + lanes - 1.
struct Uniforms {
  double u[lanes], v[lanes];
};

// philox() of all of them at once: one vector a word.
Uniforms draw(const PhiloxStream& stream, int64_t first) {
  uint32_t words[4][lanes];
  for (int64_t i = 0; i < lanes; ++i) {
    const auto counter = stream.counter(static_cast<uint32_t>(first + i));
    for (std::size_t word = 0; word < 4; ++word) words[word][i] = counter[word];
  }
  auto key = stream.key();
  for (int round = 0; round < philox_rounds; ++round) {
#pragma omp simd
    for (int64_t i = 0; i < lanes; ++i)
      philox_round(words[0][i], words[1][i], words[2][i], words[3][i], key[0], key[1]);
    key = next_philox_key(key);
  }
  Uniforms drawn;
#pragma omp simd
  for (int64_t i = 0; i < lanes; ++i) drawn.u[i] = uniform_of(words[0][i], words[1][i]);
#pragma omp simd
  for (int64_t i = 0; i < lanes; ++i) drawn.v[i] = uniform_of(words[2][i], words[3][i]);
  return drawn;
}

// How many values were made, and the attempt after the last that was looked at.
struct Drawn {
  int64_t made, next;
};

// Writes std * x for those of the attempts [begin, end) that are within the limit, in their order, at most `most`;
// `out` has room for a vector more. x is that of normal_of() to the last bit: a vector of values of which each is known
// to within `error` will do where all numbers that near become the same E and fall on the same side of the limit;
// elsewhere (one in millions for float) x is computed.
template <typename E>
Drawn draw_accepted(const PhiloxStream& stream, int64_t begin, int64_t end, double std, double limit, int64_t most,
                    E* out) {
  constexpr double error = 1e-12;  // a hundred times what 4 ulp of log and cos make of it
  Drawn drawn{0, begin};
  for (int64_t at = begin; at < end && drawn.made < most; at += lanes) {
    const Uniforms uniforms = draw(stream, at);
    double size[lanes];
    E least[lanes], greatest[lanes];
    int sure = 0;
#pragma omp simd reduction(+ : sure)
    for (int64_t i = 0; i < lanes; ++i) {
      const double x = std::sqrt(-2.0 * ::log(uniforms.u[i])) * ::cos(2.0 * std::numbers::pi * uniforms.v[i]);
      size[i] = std::abs(x);
      least[i] = static_cast<E>(std * (x - error));
      greatest[i] = static_cast<E>(std * (x + error));
      sure += size[i] < limit - error && least[i] == greatest[i] ? 1 : 0;
    }
    if (sure == lanes && at + lanes <= end && drawn.made + lanes <= most) {
      std::copy_n(least, lanes, out + drawn.made);
      drawn = {drawn.made + lanes, at + lanes};
      continue;
    }
    for (int64_t i = 0; i < std::min(lanes, end - at) && drawn.made < most; ++i) {
      drawn.next = at + i + 1;
      if (size[i] > limit + error) continue;
      if (size[i] < limit - error && least[i] == greatest[i])
        out[drawn.made++] = least[i];
      else if (const double x = normal_of(uniforms.u[i], uniforms.v[i]); std::abs(x) <= limit)
        out[drawn.made++] = static_cast<E>(std * x);
    }
  }
  return drawn;
}

// Values of one standard deviation from attempt `first` on. Which attempt gives which value is known only when those
// before it are counted: threads draw pieces of attempts into room of their own and put them in place in turn.
template <typename T>
class Run {
 public:
  Run(const PhiloxStream& stream, int64_t first, double std, double limit, int64_t n, T* out)
      : stream_(stream), first_(first), std_(std), limit_(limit), n_(n), out_(out) {}

  /// Draws them all; returns the attempt after that of the last.
  int64_t draw_all() {
    const int64_t threads = n_ == 0 ? 0 : threads_for(n_);
    if (threads == 1) draw_pieces(n_);
#pragma omp parallel num_threads(static_cast <int>(threads)) if (threads > 1)
    if (threads > 1) draw_pieces(piece_size);
    return n_ == 0 ? first_ : next_;
  }

 private:
  using E = Exact<T>;

  // What one thread does, with at most so many values of a piece.
  void draw_pieces(int64_t most) {
    std::vector<E> values(static_cast<std::size_t>(piece_size + lanes));
    while (true) {
      const int64_t piece = taken_++, begin = first_ + piece * piece_size, end = begin + piece_size;
      const Drawn drawn = draw_accepted(stream_, begin, end, std_, limit_, most, values.data());
      while (turn_.load(std::memory_order_acquire) != piece) std::this_thread::yield();
      const int64_t start = placed_, count = std::min(drawn.made, n_ - start);
      const bool is_last = count > 0 && start + count == n_;
      placed_ = start + count;
      turn_.store(piece + 1, std::memory_order_release);
      for (int64_t i = 0; i < count; ++i) store(values[static_cast<std::size_t>(i)], out_[start + i]);
      if (is_last) next_ = draw_accepted(stream_, begin, end, std_, limit_, count, values.data()).next;
      if (start + count == n_) return;
    }
  }

  const PhiloxStream& stream_;
  int64_t first_;
  double std_, limit_;
  int64_t n_;
  T* out_;
  std::atomic<int64_t> taken_ = 0, turn_ = 0;
  int64_t placed_ = 0;  // written by the piece whose turn it is
  int64_t next_ = 0;    // written by the last
};

}  // namespace

template <typename T>
void uniform(Cpu, const PhiloxStream& stream, int64_t first, double bound, int64_t n, T* out) {
  parallel_ranges(n, n, [=, &stream](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t draw = first + i;
      const auto bits = stream.block(static_cast<uint32_t>(draw / 2));
      const std::size_t at = draw % 2 == 0 ? 0 : 2;
      out[i] = static_cast<T>(bound * (2 * uniform_of(bits[at], bits[at + 1]) - 1));
    }
  });
}

template <typename T>
void truncated_normal(Cpu, const PhiloxStream& stream, const NormalScale& scale, double limit, int64_t n, T* out) {
  const int64_t from = std::min(n, scale.from);
  const int64_t next = Run<T>(stream, 0, scale.std, limit, from, out).draw_all();
  Run<T>(stream, next, scale.rest, limit, n - from, out + from).draw_all();
}

template <typename T>
void truncated_normal_rows(Cpu, const PhiloxStream* streams, double std, double limit, int64_t rows, int64_t width,
                           T* out) {
  using E = Exact<T>;
  parallel_ranges(rows, 16 * rows * width, [=](int64_t begin, int64_t end) {
    std::vector<E> values(static_cast<std::size_t>(width + lanes));
    for (int64_t row = begin; row < end; ++row) {
      draw_accepted(streams[row], 0, INT64_MAX - lanes, std, limit, width, values.data());
      for (int64_t i = 0; i < width; ++i) store(values[static_cast<std::size_t>(i)], out[row * width + i]);
    }
  });
}
template void truncated_normal(Cpu, const PhiloxStream&, const NormalScale&, double, int64_t, bfloat16*);
template void truncated_normal_rows(Cpu, const PhiloxStream*, double, double, int64_t, int64_t, bfloat16*);

#define MODR_RANDOM(T)                                                                               \
  template void uniform(Cpu, const PhiloxStream&, int64_t, double, int64_t, T*);                     \
  template void truncated_normal(Cpu, const PhiloxStream&, const NormalScale&, double, int64_t, T*); \
  template void truncated_normal_rows(Cpu, const PhiloxStream*, double, double, int64_t, int64_t, T*);
MODR_RANDOM(float)
MODR_RANDOM(double)

}  // namespace modr::kernels
